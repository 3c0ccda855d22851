import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import * as z from 'zod';
import {
  controlPlaneIngressRules,
  controlPlaneIngressSpecSchema,
  controlPlaneIngressStatusSchema,
} from '../api/control-plane-ingress.ts';
import { API_GROUP, API_VERSION } from '../api/group.ts';
import { nodePlanSpecSchema, nodePlanStatusSchema } from '../api/node-plan.ts';
import { serviceAddressRules, serviceAddressSpecSchema, serviceAddressStatusSchema } from '../api/service-address.ts';
import { virtualIpPoolRules, virtualIpPoolSpecSchema, virtualIpPoolStatusSchema } from '../api/virtual-ip-pool.ts';
import { CommandError, runMain } from './support/main.ts';
import { type Schema, structural } from './toolchain/structural-schema.ts';

const USAGE = `Writes the custom resource definitions into chart/crds, from the schemas in api/.

usage: npm run generate, or npm run generate:check

  --check  write nothing; fail if a definition is not current`;

const HEADER = '# Made by "npm run generate" from api/: change it there.\n';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** 1: only with `-o wide`. */
  readonly priority?: number;
}

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly rules: Schema;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
}

const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const DEFINITIONS: readonly Definition[] = [
  {
    kind: 'VirtualIPPool',
    plural: 'virtualippools',
    shortNames: ['vippool', 'vipp'],
    description: 'A set of virtual IP addresses that is spread evenly over nodes, each address on one of them.',
    rules: virtualIpPoolRules,
    spec: virtualIpPoolSpecSchema,
    status: virtualIpPoolStatusSchema,
    columns: [
      { name: 'Addresses', type: 'integer', jsonPath: '.status.addressCount', description: 'Addresses wished for.' },
      {
        name: 'Held',
        type: 'integer',
        jsonPath: '.status.heldCount',
        description: 'Addresses that exactly one node holds.',
      },
      {
        name: 'Ready',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].status',
        description: 'Whether everything is as wished.',
      },
      {
        name: 'Nodes',
        type: 'integer',
        jsonPath: '.status.eligibleNodes',
        description: 'Nodes that may hold the addresses now.',
      },
      {
        name: 'Reason',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
        description: 'Why it is ready or not.',
        priority: 1,
      },
      {
        name: 'Allocated',
        type: 'integer',
        jsonPath: '.status.services.allocated',
        description: 'Addresses that Services have.',
        priority: 1,
      },
      {
        name: 'Free',
        type: 'integer',
        jsonPath: '.status.services.free',
        description: 'Addresses of the ranges that nobody has.',
        priority: 1,
      },
      AGE,
    ],
  },
  {
    kind: 'ServiceAddress',
    plural: 'serviceaddresses',
    shortNames: ['svcaddr'],
    description: 'The claim on one virtual IP address for Services. Written by the controller; not to be edited.',
    rules: serviceAddressRules,
    spec: serviceAddressSpecSchema,
    status: serviceAddressStatusSchema,
    columns: [
      { name: 'Address', type: 'string', jsonPath: '.spec.address', description: 'The address.' },
      { name: 'Pool', type: 'string', jsonPath: '.spec.pool', description: 'The VirtualIPPool that it is from.' },
      {
        name: 'Namespace',
        type: 'string',
        jsonPath: '.spec.owners[0].namespace',
        description: 'Namespace of the Service that has it.',
      },
      {
        name: 'Service',
        type: 'string',
        jsonPath: '.spec.owners[0].name',
        description: 'The Service that has it, or the first of them.',
      },
      {
        name: 'Holder',
        type: 'string',
        jsonPath: '.status.holders[0]',
        description: 'The node that has it on an interface.',
      },
      {
        name: 'Planned',
        type: 'string',
        jsonPath: '.status.plannedNode',
        description: 'The node that the plan prefers.',
        priority: 1,
      },
      {
        name: 'Retained for',
        type: 'string',
        jsonPath: '.spec.retained.name',
        description: 'The Service that may have it back.',
        priority: 1,
      },
      AGE,
    ],
  },
  {
    kind: 'ControlPlaneIngress',
    plural: 'controlplaneingresses',
    shortNames: ['cpingress'],
    description: 'By which address the ingress of the control plane is reached.',
    rules: controlPlaneIngressRules,
    spec: controlPlaneIngressSpecSchema,
    status: controlPlaneIngressStatusSchema,
    columns: [
      { name: 'IP', type: 'string', jsonPath: '.status.ip', description: 'The address in force.' },
      { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint', description: 'URL of the ingress.' },
      {
        name: 'Ready',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].status',
        description: 'Whether the address that is asked for is in force.',
      },
      {
        name: 'Reason',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
        description: 'Why it is or not.',
        priority: 1,
      },
      AGE,
    ],
  },
  {
    kind: 'NodePlan',
    plural: 'nodeplans',
    shortNames: [],
    description:
      'What one node does for all pools of virtual IP addresses. Written by the controller, its status by the sidecar of the node that it is named after; not to be edited.',
    rules: {},
    spec: nodePlanSpecSchema,
    status: nodePlanStatusSchema,
    columns: [
      { name: 'Plan', type: 'string', jsonPath: '.spec.plan', description: 'The plan that the node was given.' },
      {
        name: 'Observed',
        type: 'string',
        jsonPath: '.status.observedPlan',
        description: 'The plan that it carries out.',
      },
      {
        name: 'Held',
        type: 'integer',
        jsonPath: '.status.heldCount',
        description: 'Addresses that are on an interface of the node.',
      },
      {
        name: 'Problem',
        type: 'string',
        jsonPath: '.status.problems[0]',
        description: 'What keeps it from carrying the plan out.',
        priority: 1,
      },
      AGE,
    ],
  },
];

function schemaOf(type: z.ZodType, at: string): Schema {
  return structural(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as Schema, at);
}

function objectSchema({ kind, description, rules, spec, status }: Definition): Schema {
  return {
    description,
    type: 'object',
    ...rules,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: schemaOf(spec, `${kind}.spec`),
      status: schemaOf(status, `${kind}.status`),
    },
  };
}

/** The definition as the API server takes it. */
function customResourceDefinition(definition: Definition): object {
  const { kind, plural, shortNames, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 ? { shortNames } : {}),
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: objectSchema(definition) },
        },
      ],
    },
  };
}

/** The files of `chart/crds` by name, as they should be. */
export function definitionFiles(): Map<string, string> {
  return new Map(
    DEFINITIONS.map((definition) => [
      `${definition.plural}.yaml`,
      HEADER + stringify(customResourceDefinition(definition), { lineWidth: 0, aliasDuplicateObjects: false }),
    ]),
  );
}

runMain(import.meta.main, 'crds', async () => {
  const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const folder = path.resolve(import.meta.dirname, '../chart/crds');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of definitionFiles()) {
    const file = path.join(folder, name);
    if ((await readFile(file, 'utf8').catch(() => undefined)) === text) continue;
    if (flags.check === true) throw new CommandError(`chart/crds/${name} is not current; run: npm run generate`);
    await writeFile(file, text);
  }
});
