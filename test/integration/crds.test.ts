import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HttpMethod, KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type * as z from 'zod';
import { IP_FAMILIES } from '../../api/ip-family.ts';
import { nodePlanSpecSchema, REPORT_LIMITS } from '../../api/node-plan.ts';
import { claimName } from '../../api/service-address.ts';
import { oneLine } from '../../api/text.ts';
import { type VirtualIpPool, virtualIpPoolSpecSchema } from '../../api/virtual-ip-pool.ts';
import { ingressPool } from '../../controller/ingress/pool.ts';
import { isUndeclared } from '../../controller/kubernetes/api-error.ts';
import { send } from '../../controller/kubernetes/send.ts';
import { makePlan } from '../../controller/plan/planner.ts';
import type { PlanInput } from '../../controller/plan/types.ts';
import { nodePlanSpec } from '../../controller/reconcile/node-plan-spec.ts';
import { poolDemands } from '../../controller/reconcile/pool-demands.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { readPlan } from '../../sidecar/sources/plan/plan.ts';
import {
  addresses,
  claimedAddresses,
  hosts,
  interfaces,
  plans,
  rangedSpecs,
  specs,
} from '../support/generated-pools.ts';
import { KubeApi } from '../support/kube-api.ts';
import { command, mustSkip } from '../support/needs.ts';
import { CHART } from '../support/release-names.ts';
import { waitFor } from '../support/wait.ts';

const skip = mustSkip('the custom resources in a real API server', [command('openssl')]);
/** A cold machine builds Kubernetes first. */
const SET_UP_LIMIT_MS = 45 * 60_000;
const COMMAND_LIMIT_MS = 110_000;
const NAMESPACE = 'vip';
const AGENT = 'vip-keepalived-ingress-vip';
const CONTROLLER = `${AGENT}-controller`;
const NODES = ['node1', 'node2'];
const API_VERSION = 'keepalived-ingress-vip.io/v1alpha1';

const INGRESS_DEFINITION = 'controlplaneingresses.keepalived-ingress-vip.io';
const DEFINITIONS = [
  INGRESS_DEFINITION,
  ...['nodeplans', 'serviceaddresses', 'virtualippools'].map((plural) => `${plural}.keepalived-ingress-vip.io`),
];
const RESOURCES = `/apis/${API_VERSION}`;

let api: KubeApi;
let helmCommand: string;
let home: string;

function object(kind: string, name: string, spec: object): object {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}

function many(count: number, write: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, at) => write(at));
}

/** Two nodes, and one pool. */
function inputOf(pool: VirtualIpPool): PlanInput {
  return {
    demands: poolDemands([pool]),
    nodes: NODES.map((name, at) => ({
      name,
      labels: {},
      taints: [],
      unschedulable: false,
      addresses: [`192.0.2.${at + 1}`, `2001:db8::${at + 1}`],
      hasSidecar: true,
    })),
    settings: {
      virtualRouterIds: { first: 1, last: 255 },
      reserved: { addresses: [], virtualRouterIds: [] },
      maxGroupsPerPool: 60,
      maxCandidates: 8,
    },
    assignments: new Map(),
    foreignRouterIds: new Set(),
  };
}

/** Gives an object to the API server, which keeps nothing of it, as `kubectl apply` would; gives what was said. */
async function tried(manifest: object): Promise<string> {
  const input = stringify(manifest);
  return api
    .kubectl(['apply', '--dry-run=server', '-f', '-'], { input })
    .catch((error: { stderr?: unknown }) => String(error.stderr));
}

async function apply(...manifests: readonly object[]): Promise<void> {
  await api.kubectl(['apply', '--server-side', '-f', '-'], {
    input: manifests.map((each) => stringify(each)).join('---\n'),
  });
}

/** Fields of NodePlans that definitions of older releases do not have. */
const YOUNGER_FIELDS: ReadonlySet<string> = new Set(['spares', 'apart', 'elected', 'bgpFamilies']);

/** The definition of NodePlans in a group of its own, as it was before there were spare instances, multicast groups and those that are elected. */
async function plansWithoutSpares(group: string): Promise<object> {
  const text = await readFile(join(CHART, 'crds/nodeplans.yaml'), 'utf8');
  return parse(text.replaceAll('keepalived-ingress-vip.io', group), (key, value) => {
    if (YOUNGER_FIELDS.has(String(key))) return undefined;
    if (key !== 'x-kubernetes-validations') return value;
    return (value as { rule: string }[]).filter(({ rule }) => !/self[.](spares|apart)/.test(rule));
  });
}

/** How long the API server may take to remove a definition by itself. */
const REMOVAL_MS = 20_000;

/** The kinds that the API server tells its clients of, as helm sees them: some time after a definition comes or goes. */
async function servedKinds(group = 'keepalived-ingress-vip.io'): Promise<string[]> {
  const names = await api.kubectl(['api-resources', '--cached=false', `--api-group=${group}`, '--output=name']);
  return names.split('\n').filter(Boolean);
}

/**
 * Removes definitions, and waits until the API server has taken them away with all objects and tells nobody of them any more. What it has not
 * removed for long is made to go, and told: kubectl's own wait took more than a minute once, and what is tested here is what comes after.
 * @param names of the definitions, `<plural>.<group>`
 */
async function removeDefinitions(...names: readonly string[]): Promise<void> {
  await api.kubectl(['delete', 'crd', ...names, '--wait=false']);
  const state = 'jsonpath={range .items[*]}{.metadata.name}: {.metadata.finalizers} {.status.conditions}{"\\n"}{end}';
  const left = async () => {
    const listed = await api.kubectl(['get', 'crd', '-o', state]);
    return listed.split('\n').filter((line) => names.some((name) => line.startsWith(`${name}:`)));
  };
  const isGone = async () => (await left()).length === 0;
  await waitFor('definitions to go', isGone, { limitMs: REMOVAL_MS, everyMs: 200 }).catch(async () => {
    for (const line of await left()) {
      process.stderr.write(`not removed within ${REMOVAL_MS} ms: ${line}\n`);
      const patch = JSON.stringify({ metadata: { finalizers: null } });
      // It may go by itself just now; the wait below tells.
      await api.kubectl(['patch', 'crd', line.replace(/:.*/, ''), '--type=merge', '-p', patch]).catch(() => '');
    }
    await waitFor('definitions to go without their finalizers', isGone);
  });
  const isUnknown = async () => {
    const served = await servedKinds(names[0]?.replace(/^[^.]+[.]/, ''));
    return names.every((name) => !served.includes(name));
  };
  await waitFor('the kinds to be served no more', isUnknown, { everyMs: 200 });
}

/** Gives the API server definitions of the chart, and waits until it tells its clients of them. */
async function giveDefinitions(path: string, ...names: readonly string[]): Promise<void> {
  await api.kubectl(['apply', '--server-side', '-f', path]);
  await api.kubectl(['wait', '--for=condition=Established', '-f', path, '--timeout=30s']);
  const isServed = async () => {
    const served = await servedKinds();
    return names.every((name) => served.includes(name));
  };
  await waitFor('the kinds to be served', isServed, { everyMs: 200 });
}

/** helm on the API server, with homes of its own. */
async function helm(...args: string[]): Promise<string> {
  const env = {
    KUBECONFIG: api.kubeconfig,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
  };
  const result = await execa(helmCommand, [...args, '--namespace', NAMESPACE], { env, timeout: COMMAND_LIMIT_MS });
  return result.stdout;
}

const POOL = '--set=virtualIPPools.default.addresses={192.168.1.200,192.168.1.201}';
const SINGLE = '--set=keepalived.vipAddressCidr=192.168.1.2/24';

/** A token of a service account; with a pod it says on which node that is. */
async function token(account: string, pod?: string): Promise<string> {
  const bound = pod === undefined ? [] : ['--bound-object-kind=Pod', `--bound-object-name=${pod}`];
  return (await api.kubectl(['-n', NAMESPACE, 'create', 'token', account, ...bound])).trim();
}

/** Asks as somebody else; gives what kubectl said, good or bad. */
async function as(bearer: string, args: readonly string[], input?: object): Promise<string> {
  const config = join(home, 'kubeconfig');
  const own = await readFile(api.kubeconfig, 'utf8');
  await writeFile(config, own.replace(/token: .*/, `token: ${bearer}`), { mode: 0o600 });
  const more = input === undefined ? {} : { input: stringify(input) };
  return api
    .kubectl(args, { env: { KUBECONFIG: config }, ...more })
    .catch((error: { stderr?: unknown }) => String(error.stderr));
}

/** Reports on a node's plan as its agent does: by server-side apply of the status. */
function report(bearer: string, node: string, said: object = { observedPlan: 'p', heldCount: 2 }): Promise<string> {
  const status = { apiVersion: API_VERSION, kind: 'NodePlan', metadata: { name: node }, status: said };
  const args = [
    'apply',
    '--server-side',
    '--subresource=status',
    '--field-manager=keepalived-ingress-vip-agent',
    '-f',
    '-',
  ];
  return as(bearer, args, status);
}

function sidecarPod(node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `agent-${node}`, namespace: NAMESPACE },
    spec: {
      serviceAccountName: AGENT,
      automountServiceAccountToken: false,
      nodeName: node,
      containers: [{ name: 'agent', image: 'none' }],
    },
  };
}

describe.skipIf(skip)('the custom resources in a real API server', () => {
  beforeAll(async () => {
    api = new KubeApi(dirname(await realpath(await ensureTool('hyperkube'))));
    helmCommand = await ensureTool('helm');
    home = await mkdtemp(join(tmpdir(), 'crds-test-'));
    await api.start();
    await api.kubectl(['create', 'namespace', NAMESPACE]);
    await apply(...NODES.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })));
    await helm('install', 'vip', CHART, SINGLE);
    const served = () => tried(object('VirtualIPPool', 'probe', { addresses: ['192.168.1.1'] }));
    await waitFor('the definitions', async () => (await served()).includes('created'), {
      limitMs: 30_000,
      everyMs: 100,
    });
  }, SET_UP_LIMIT_MS);

  afterAll(async () => {
    await api?.stop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  describe('a pool', () => {
    const address = { addresses: ['192.168.1.200'] };

    it.each<[string, object]>([
      [
        'addresses of both families in every notation',
        {
          addresses: [
            '10.0.0.1',
            '10.0.0.2/24',
            'fd00::1',
            'fd00::2/64',
            '1:2:3:4:5:6:7::',
            '2001:DB8::a:b',
            '1:2:3:4:5:6:7:8/128',
          ],
        },
      ],
      [
        'addresses of subnets that have none of their own, and such as are in the middle of theirs',
        {
          addresses: [
            '10.0.0.0/31',
            '10.0.0.1/31',
            '10.0.0.255/32',
            '10.0.1.0/23',
            '10.0.0.255/23',
            '10.0.2.0',
            'fd00::/127',
            'fd00::8:0:0:0:0/48',
            'fd00::ffff:ffff:ffff:ffff/64',
          ],
        },
      ],
      ['1024 addresses', { addresses: many(1024, (at) => `10.0.${at >> 8}.${at % 256}`) }],
      ['1024 addresses with a prefix', { addresses: many(1024, (at) => `10.${at >> 8}.3.${at % 256}/8`) }],
      [
        '500 addresses, every other with a prefix',
        { addresses: many(500, (at) => `10.0.${at >> 8}.${at % 256}${at % 2 ? '/16' : ''}`) },
      ],
      [
        '1024 long IPv6 addresses',
        { addresses: many(1024, (at) => `fd00:1111:2222:3333:4444:5555:${at.toString(16)}:7777/64`) },
      ],
      ['an interface by name', { ...address, interface: 'enp0s31f6.100' }],
      ['an interface by MAC address', { ...address, interface: '52:54:00:12:34:56' }],
      [
        'a check by HTTP',
        {
          ...address,
          healthCheck: {
            httpGet: { port: 80, host: 'fd00::1', path: '/', httpHeaders: [{ name: 'Host', value: 'a.example' }] },
          },
        },
      ],
      ['a check by TCP', { ...address, healthCheck: { tcpSocket: { port: 443 }, periodSeconds: 0.1 } }],
      [
        'selectors and tolerations',
        {
          ...address,
          nodeSelector: {
            matchLabels: { a: 'b' },
            matchExpressions: [
              { key: 'c', operator: 'NotIn', values: ['d'] },
              { key: 'e', operator: 'Exists' },
            ],
          },
          tolerations: [{ operator: 'Exists' }, { key: 'f', value: 'g', effect: 'NoExecute', tolerationSeconds: 5 }],
        },
      ],
      ['null where nothing is said', { ...address, interface: null, nodeSelector: null }],
      [
        'all the rest',
        {
          ...address,
          failback: { enabled: false, delaySeconds: 0 },
          spread: { topologyKey: 'zone' },
          vrrp: { peering: 'Unicast', virtualRouterIds: { first: 9, last: 9 } },
        },
      ],
    ])('is taken with %s', async (_, spec) => {
      expect(await tried(object('VirtualIPPool', 'p', spec))).toMatch(/created \(server dry run\)/);
    });

    it.each<[string, object, string]>([
      [
        'a name that is none',
        { addresses: ['ingress.example.org'] },
        'spec.addresses[0]: Invalid value: "string": "ingress.example.org" is not an IPv4 or IPv6 address, with or without a prefix; write for example 192.168.1.200 or 192.168.1.200/24',
      ],
      [
        'a number with a leading zero',
        { addresses: ['192.168.01.1'] },
        '"192.168.01.1" is not an IPv4 or IPv6 address',
      ],
      ['a prefix that is too long', { addresses: ['10.0.0.1/33'] }, '"10.0.0.1/33" is not an IPv4 or IPv6 address'],
      [
        'a prefix that is too long for IPv6',
        { addresses: ['fd00::1/129'] },
        '"fd00::1/129" is not an IPv4 or IPv6 address',
      ],
      ['too many groups', { addresses: ['1:2:3:4::5:6:7:8'] }, '"1:2:3:4::5:6:7:8" is not an IPv4 or IPv6 address'],
      ['two gaps', { addresses: ['1::2::3'] }, '"1::2::3" is not an IPv4 or IPv6 address'],
      ...[
        ['127.0.0.1', '224.0.0.18', '0.0.0.0', '255.255.255.255', '240.0.0.1', '169.254.1.1/16'],
        ['::1', '::', '::2', '0:0:0:0:0:0:0:1/128', 'ff02::12', 'fe80::1', 'FEBF::1/64'],
      ]
        .flat()
        .map((text): [string, object, string] => [
          `the address ${text}`,
          { addresses: [text] },
          `"${text}" is a loopback, link-local, multicast, reserved or unspecified address; give a free one of the nodes' network`,
        ]),
      ...['::ffff:10.0.0.1', '::FFFF:a00:1/120', '0:0:0:0:0:ffff:a00:1'].map((text): [string, object, string] => [
        `the address ${text}`,
        { addresses: [text] },
        `"${text}" is an IPv4 address in the notation of IPv6; write the IPv4 address alone, like 192.168.1.200`,
      ]),
      ...['fe80::1%eth0', 'fd00::1%1', 'fd00::1.2.3.4', '10.0.0.1/024', '10.0.0.1/0', ' 10.0.0.1'].map(
        (text): [string, object, string] => [
          `the address "${text}"`,
          { addresses: [text] },
          `"${text}" is not an IPv4 or IPv6 address`,
        ],
      ),
      ...[
        [
          '10.0.0.0/24',
          '10.0.0.255/24',
          '10.0.0.128/25',
          '10.0.0.127/25',
          '10.3.255.255/14',
          '10.0.0.4/30',
          '10.0.0.7/30',
        ],
        ['fd00::/64', 'fd00:0:0:0:0::/64', 'fd00:0:0:8000:0:0:0:0/49', 'FD00::1:C/126', 'fd00::f000:0:0:0/68'],
      ]
        .flat()
        .map((text): [string, object, string] => [
          `the address ${text}`,
          { addresses: [text] },
          `"${text}" is the network, broadcast or routers' address of the subnet that its prefix says, which no machine can have; give another address of it, or the right prefix`,
        ]),
      ['no address', { addresses: [] }, 'spec.addresses in body should have at least 1 items'],
      ['nothing', {}, 'give addresses, which nodes always hold, or ranges, from which Services get theirs, or both'],
      [
        'more addresses than it may have',
        { addresses: many(1025, (at) => `10.0.${at >> 8}.${at % 256}`) },
        'spec.addresses: Too many: 1025: must have at most 1024 items',
      ],
      ['an address twice', { addresses: ['10.0.0.1', '10.0.0.1'] }, 'spec.addresses[1]: Duplicate value: "10.0.0.1"'],
      [
        'an address twice, with and without a prefix',
        { addresses: ['10.0.0.1/24', '10.0.0.1'] },
        'an address is in the list twice, with and without a prefix; remove one of the two',
      ],
      [
        'an alias for an interface',
        { ...address, interface: 'eth0:1' },
        '"eth0:1" is no interface for virtual addresses; give its name (what "ip link" prints before a colon or @; at most 15 of A-Z, a-z, 0-9 and . _ + -; not lo) or its MAC address like 52:54:00:12:34:56',
      ],
      [
        'a long name of an interface',
        { ...address, interface: 'averylonginterface' },
        '"averylonginterface" is no interface',
      ],
      ...[
        'lo',
        'eth0@if5',
        'vlan10@eth0',
        'eth 0',
        'eth"0',
        "eth'0",
        'eth{0',
        '..',
        '00:00:00:00:00:00',
        '01:00:5e:00:00:01',
      ].map((name): [string, object, string] => [
        `the interface ${name}`,
        { ...address, interface: name },
        `"${name}" is no interface for virtual addresses`,
      ]),
      [
        'a name of an interface with a line break',
        { ...address, interface: 'eth0\n' },
        'is no interface for virtual addresses; give its name',
      ],
      [
        'no time between checks, as a whole number',
        { ...address, healthCheck: { tcpSocket: { port: 80 }, periodSeconds: 0 } },
        'spec.healthCheck.periodSeconds: Invalid value: "number": must be from 0.1 to 3600',
      ],
      [
        'no time for an answer, as a whole number',
        { ...address, healthCheck: { tcpSocket: { port: 80 }, timeoutSeconds: 0 } },
        'spec.healthCheck.timeoutSeconds: Invalid value: "number": must be from 0.05 to 60',
      ],
      ...['10.0.0.1:80', '[::1]', 'fe80::1%eth0', '127.1', '0x7f.1', 'a b', 'xn--a'].map(
        (host): [string, object, string] => [
          `the host ${host}`,
          { ...address, healthCheck: { httpGet: { port: 80, host } } },
          `spec.healthCheck.httpGet.host: Invalid value: "string": "${host}" is no host; give a host name or an IP address, without scheme, port, path, zone and brackets, for example 127.0.0.1`,
        ],
      ),
      ...['169.254.169.254', '0.0.0.0', 'ff02::1'].map((host): [string, object, string] => [
        `the host ${host}`,
        { ...address, healthCheck: { tcpSocket: { port: 80, host } } },
        `"${host}" is a link-local, multicast, reserved or unspecified address, at which nothing of this node answers; give 127.0.0.1, or an address of the node`,
      ]),
      [
        'a check at its own address',
        { addresses: ['10.0.0.1', '10.0.0.2/24'], healthCheck: { httpGet: { port: 80, host: '10.0.0.2' } } },
        "the host of healthCheck is a virtual address, at which every node reaches the one that holds it, so that all look as healthy as that one; let the check ask at 127.0.0.1, or at the node's own address",
      ],
      [
        'a header of two lines',
        { ...address, healthCheck: { httpGet: { port: 80, httpHeaders: [{ name: 'Host', value: 'a\r\nb' }] } } },
        'is no value of a Host header; give a host name like ingress.example.org, with or without a port',
      ],
      [
        'a check of nothing',
        { ...address, healthCheck: { periodSeconds: 1 } },
        'spec.healthCheck: Invalid value: "object": give exactly one of httpGet and tcpSocket',
      ],
      [
        'a check of two things',
        { ...address, healthCheck: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } },
        'give exactly one of httpGet and tcpSocket',
      ],
      [
        'a URL for a host',
        { ...address, healthCheck: { tcpSocket: { port: 80, host: 'tcp://x' } } },
        'spec.healthCheck.tcpSocket.host: Invalid value: "string": "tcp://x" is no host; give a host name or an IP address',
      ],
      [
        'a relative path',
        { ...address, healthCheck: { httpGet: { port: 80, path: 'healthz' } } },
        'spec.healthCheck.httpGet.path: Invalid value: "string": "healthz" is no path; it must begin with a slash, e.g. /healthz',
      ],
      [
        'a port that cannot be',
        { ...address, healthCheck: { httpGet: { port: 70_000 } } },
        'spec.healthCheck.httpGet.port in body should be less than or equal to 65535',
      ],
      [
        'a header that is not sent',
        { ...address, healthCheck: { httpGet: { port: 80, httpHeaders: [{ name: 'Cookie', value: 'x' }] } } },
        'Unsupported value: "Cookie": supported values: "Host"',
      ],
      [
        'a toleration of nothing',
        { ...address, tolerations: [{ effect: 'NoSchedule' }] },
        'spec.tolerations[0]: Invalid value: "object": a toleration without a key needs operator Exists; it then tolerates every taint',
      ],
      [
        'a toleration by Exists with a value',
        { ...address, tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] },
        'operator Exists takes no value; remove it, or use Equal',
      ],
      [
        'In without values',
        { ...address, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
        'In and NotIn need values; Exists and DoesNotExist have none',
      ],
      [
        'Exists with values',
        { ...address, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
        'In and NotIn need values; Exists and DoesNotExist have none',
      ],
      [
        'a range upside down',
        { ...address, vrrp: { virtualRouterIds: { first: 9, last: 3 } } },
        'spec.vrrp.virtualRouterIds: Invalid value: "object": first must not be above last',
      ],
      [
        'a router id that cannot be',
        { ...address, vrrp: { virtualRouterIds: { first: 0, last: 9 } } },
        'spec.vrrp.virtualRouterIds.first in body should be greater than or equal to 1',
      ],
      [
        'another way of peering',
        { ...address, vrrp: { peering: 'unicast' } },
        'Unsupported value: "unicast": supported values: "Multicast", "Unicast"',
      ],
      [
        'a failback in the past',
        { ...address, failback: { delaySeconds: -1 } },
        'spec.failback.delaySeconds in body should be greater than or equal to 0',
      ],
      [
        'a plain map of labels, which only values may have',
        { ...address, nodeSelector: { zone: 'a' } },
        'unknown field "spec.nodeSelector.zone"',
      ],
      ['an unknown field', { ...address, replicas: 3 }, 'unknown field "spec.replicas"'],
    ])('is refused with %s', async (_, spec, message) => {
      expect(await tried(object('VirtualIPPool', 'p', spec))).toContain(message);
    });

    it('is taken as in the examples', async () => {
      const example = join(CHART, '../examples/pools/pool.yaml');
      expect(await api.kubectl(['apply', '--dry-run=server', '-f', example])).toContain('created (server dry run)');
    });

    it.each(['a.b', 'a'.repeat(41)])('is refused with the name %s', async (name) => {
      expect(await tried(object('VirtualIPPool', name, address))).toContain(
        'metadata.name must be at most 40 characters of a-z, 0-9 and -, without dots, because VRRP instances are named after it',
      );
    });

    it('is refused with a name that addresses of Services go by', async () => {
      expect(await tried(object('VirtualIPPool', 'svc-0123456789', address))).toContain(
        'metadata.name must not be svc- and ten hexadecimal digits',
      );
      expect(await tried(object('VirtualIPPool', 'svc-012345678', address))).toContain('created');
    });

    it('has a short name, columns and explanations', async () => {
      await apply(object('VirtualIPPool', 'shown', address));
      const status = {
        addressCount: 1,
        heldCount: 1,
        eligibleNodes: 3,
        conditions: [
          { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'AllHeld', message: '' },
        ],
      };
      await api.kubectl([
        'patch',
        'vipp',
        'shown',
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status }),
      ]);
      expect(await api.kubectl(['get', 'vippool', 'shown'])).toMatch(
        /^NAME +ADDRESSES +HELD +READY +NODES +AGE\nshown +1 +1 +True +3 +\d+s$/,
      );
      await api.kubectl(['wait', '--for=condition=Ready', 'virtualippool/shown', '--timeout=30s']);
      expect(await api.kubectl(['explain', 'virtualippool.spec.failback.delaySeconds'])).toContain(
        'Seconds that a returning node must be healthy',
      );
      await api.kubectl(['delete', 'virtualippool', 'shown']);
    });
  });

  describe('a pool that gives addresses to Services', () => {
    const range = { cidr: '192.168.11.128/28' };
    const of = (...ranges: object[]) => ({ ranges });
    const tooMany = (count: number) => many(count, (at) => `10.${at >> 8}.${at % 256}.0/24`).map((cidr) => ({ cidr }));

    it.each<[string, object]>([
      ['the least that it needs', of(range)],
      ['ranges beside addresses', { addresses: ['192.168.11.5'], ...of(range), services: {} }],
      [
        'ranges of both families in every form',
        of(
          { ...range, prefixLength: 24 },
          { first: '10.0.0.250', last: '10.0.1.5' },
          { first: '10.0.2.1', last: '10.0.2.1' },
          { cidr: '10.0.3.7/32' },
          { cidr: '10.0.3.8/31' },
          { cidr: 'fd00::/64', prefixLength: 128 },
          { cidr: 'FD01:0:0:8000::/49' },
          { cidr: 'fd00:1::7/128' },
          { first: 'fd02::1', last: 'fd02::ff' },
        ),
      ],
      [
        'ranges that touch',
        of({ cidr: '10.0.0.0/25' }, { cidr: '10.0.0.128/25' }, { first: '10.0.1.0', last: '10.0.1.9' }),
      ],
      ['64 ranges', of(...tooMany(64))],
      [
        '32 long ranges, each of which is compared with each',
        of(
          ...many(32, (at) => `192.168.${100 + at}`).map((net) => ({
            first: `${net}.100`,
            last: `${net}.200`,
            prefixLength: 24,
          })),
        ),
      ],
      [
        'as much as it may have',
        {
          addresses: many(1024, (at) => `10.${at >> 8}.3.${at % 256}/8`),
          ranges: many(64, (at) => `fd00:1111:2222:3333:4444:5555:${at.toString(16)}`).map((net) => ({
            first: `${net}:1`,
            last: `${net}:ffff`,
          })),
          exclude: many(256, (at) => `fd00:1111:2222:3333:4444:5555:${at.toString(16)}:7777/128`),
          services: { namespaces: many(256, (at) => `namespace-${at}`) },
        },
      ],
      [
        'what it leaves out',
        { ...of(range), exclude: ['192.168.11.130', '192.168.11.132/30', 'fd00::1', 'fd00::/126'] },
      ],
      [
        'whom it serves, and how',
        {
          ...of(range),
          avoidNetworkAndBroadcast: false,
          services: {
            autoAssign: false,
            disabled: true,
            priority: 0,
            namespaces: ['web'],
            namespaceSelector: { matchLabels: { team: 'web' } },
            serviceSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] },
            fence: true,
            sharing: 'AnyNamespace',
            health: 'Probe',
            retainSeconds: 0,
          },
        },
      ],
    ])('is taken with %s', async (_, spec) => {
      expect(await tried(object('VirtualIPPool', 'p', spec))).toMatch(/created \(server dry run\)/);
    });

    it.each<[string, object, string]>([
      [
        'Services and no ranges',
        { addresses: ['10.0.0.1'], services: {} },
        'spec: Invalid value: "object": services needs ranges: what is in addresses no Service gets',
      ],
      ['an empty list of ranges', of(), 'spec.ranges in body should have at least 1 items'],
      ['65 ranges', of(...tooMany(65)), 'spec.ranges: Too many: 65: must have at most 64 items'],
      ['an empty range', of({}), 'spec.ranges[0]: Invalid value: "object": give either cidr, or first and last'],
      ['a first alone', of({ first: '10.0.0.1' }), 'give either cidr, or first and last'],
      ['a last alone', of({ last: '10.0.0.1' }), 'give either cidr, or first and last'],
      ['a subnet and a first', of({ ...range, first: '10.0.0.1' }), 'give either cidr, or first and last'],
      [
        'ends of two families',
        of({ first: '10.0.0.1', last: 'fd00::1' }),
        'spec.ranges[0]: Invalid value: "object": first and last must be of one family, both IPv4 or both IPv6',
      ],
      [
        'a range upside down',
        of({ first: '10.0.1.5', last: '10.0.0.250' }),
        'spec.ranges[0]: Invalid value: "object": first must not be above last',
      ],
      [
        'ranges that overlap',
        of({ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }, { first: '10.0.0.255', last: '10.0.1.9' }),
        'spec.ranges: Invalid value: "array": two ranges overlap; take what is in both out of one of them',
      ],
      ['a range that is there twice', of(range, range), 'two ranges overlap'],
      ['a prefix that IPv4 has not', of({ ...range, prefixLength: 33 }), 'prefixLength of IPv4 is at most 32'],
      [
        'a prefix that no address has',
        of({ cidr: 'fd00::/64', prefixLength: 129 }),
        'spec.ranges[0].prefixLength in body should be less than or equal to 128',
      ],
      ...[
        '10.0.0.1',
        '10.0.0.0/33',
        '10.0.0.0/0',
        'fd00::/129',
        '10.0.0/24',
        'web',
        '',
        '10.0.0.0/24/24',
        '10.0.0.00/24',
      ].map((cidr): [string, object, string] => [
        `the subnet "${cidr}"`,
        of({ cidr }),
        `spec.ranges[0].cidr: Invalid value: "string": "${cidr}" is no subnet; write an IPv4 or IPv6 address and a prefix, for example 192.168.11.128/28`,
      ]),
      ...['10.0.0.1/24', '10.0.0.128/24', '10.0.0.1/31', 'fd00::1/64', 'fd00::1/127', 'fd00:0:0:8000::/48'].map(
        (cidr): [string, object, string] => [
          `the subnet ${cidr}`,
          of({ cidr }),
          `"${cidr}" begins in the middle of the subnet that its prefix says; write the first address of the subnet, as in 192.168.11.128/28`,
        ],
      ),
      ...['127.0.0.0/24', '0.0.0.0/1', 'fe80::/64', '::/64', 'ff00::/8'].map((cidr): [string, object, string] => [
        `the subnet ${cidr}`,
        of({ cidr }),
        `"${cidr}" begins in loopback, link-local, multicast, reserved or unspecified addresses`,
      ]),
      [
        'an end with a prefix',
        of({ first: '10.0.0.1/24', last: '10.0.0.9' }),
        'spec.ranges[0].first: Invalid value: "string": "10.0.0.1/24" is not an IPv4 or IPv6 address without a prefix; write for example 192.168.11.200',
      ],
      [
        'an end that no host has',
        of({ first: '223.255.255.1', last: '224.0.0.1' }),
        '"224.0.0.1" is a loopback, link-local, multicast, reserved or unspecified address',
      ],
      [
        'a name to leave out',
        { ...of(range), exclude: ['gateway'] },
        'spec.exclude[0]: Invalid value: "string": "gateway" is neither an IPv4 or IPv6 address nor a subnet; write for example 192.168.11.10 or 192.168.11.32/30',
      ],
      [
        'an address with the prefix of its network to leave out',
        { ...of(range), exclude: ['192.168.11.130/28'] },
        '"192.168.11.130/28" begins in the middle of the subnet that its prefix says',
      ],
      [
        'a fence around nobody',
        { ...of(range), services: { fence: true } },
        'spec.services: Invalid value: "object": fence needs namespaces or namespaceSelector, which say for whom it is',
      ],
      [
        'a fence around an empty list',
        { ...of(range), services: { fence: true, namespaces: [] } },
        'spec.services: Invalid value: "object": fence needs namespaces or namespaceSelector, which say for whom it is',
      ],
      [
        'a namespace that cannot be',
        { ...of(range), services: { namespaces: ['Web'] } },
        'spec.services.namespaces[0]: Invalid value: "string": "Web" is no name of a namespace; a-z, 0-9 and - are allowed',
      ],
      [
        'another way of sharing',
        { ...of(range), services: { sharing: 'Always' } },
        'Unsupported value: "Always": supported values: "Never", "SameNamespace", "AnyNamespace"',
      ],
      [
        'a priority that cannot be',
        { ...of(range), services: { priority: -1 } },
        'spec.services.priority in body should be greater than or equal to 0',
      ],
      [
        'a selector without values',
        { ...of(range), services: { serviceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
        'In and NotIn need values; Exists and DoesNotExist have none',
      ],
      [
        'some nodes, but not how many',
        { ...of(range), distribution: { mode: 'Replicas' } },
        'mode Replicas needs replicas, and only it',
      ],
      [
        'an interface beside lo of every node',
        { ...of(range), distribution: { mode: 'All' }, interface: 'eth0' },
        'with distribution All or Replicas addresses are on lo; leave interface out',
      ],
      [
        'a way back for what does not move',
        { ranges: [range], distribution: { mode: 'All' }, failback: { enabled: false } },
        'failback, spread and vrrp need services',
      ],
      [
        'another way to know endpoints',
        { ...of(range), services: { health: 'Never' } },
        'Unsupported value: "Never": supported values: "Endpoints", "Probe", "Always"',
      ],
    ])('is refused with %s', async (_, spec, message) => {
      expect(await tried(object('VirtualIPPool', 'p', spec))).toContain(message);
    });

    it('keeps the way of its addresses: all nodes, or one', async () => {
      const all = { ...of(range), distribution: { mode: 'All' } };
      await apply(object('VirtualIPPool', 'everywhere', all));
      const change = tried(object('VirtualIPPool', 'everywhere', { ...all, distribution: { mode: 'One' } }));
      expect(await change).toContain('spec.distribution.mode cannot be changed');
      await api.kubectl(['delete', 'virtualippool', 'everywhere']);
    });

    it('may be on so many nodes, and on another number of them later', async () => {
      const some = (replicas: number) =>
        object('VirtualIPPool', 'some', { ...of(range), distribution: { mode: 'Replicas', replicas }, failback: {} });
      await apply(some(2));
      await apply(some(3));
      expect(await tried(some(17))).toContain('spec.distribution.replicas');
      await api.kubectl(['delete', 'virtualippool', 'some']);
    });

    it('shows how much Services have of it', async () => {
      await apply(object('VirtualIPPool', 'shown', of(range)));
      const services = { capacity: 14, allocated: 3, retained: 1, free: 10 };
      await api.kubectl([
        'patch',
        'vipp',
        'shown',
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status: { services } }),
      ]);
      const columns = (await api.kubectl(['get', 'vipp', 'shown', '-o', 'wide']))
        .split('\n')
        .map((line) => line.split(/ {2,}/));
      expect(columns[0]).toEqual(expect.arrayContaining(['ALLOCATED', 'FREE']));
      expect(columns[1]).toEqual(expect.arrayContaining(['3', '10']));
      await api.kubectl(['delete', 'vipp', 'shown']);
    });
  });

  describe('the claim on an address', () => {
    const owner = { namespace: 'default', name: 'web', uid: 'u' };
    const retained = { namespace: 'default', name: 'web', since: '2026-01-01T00:00:00Z' };
    const claim = (address: string, spec: object = {}, name = claimName(address)) =>
      object('ServiceAddress', name, { address, pool: 'p', owners: [owner], ...spec });
    const NOT_NAMED =
      'metadata.name must be the address, so that nobody can give it twice: IPv4 as it is, IPv6 as eight groups of four digits joined by dashes';

    it.each<[string, object]>([
      ['IPv4', claim('192.168.11.7')],
      ['IPv6', claim('fd00::1')],
      ['a key', claim('192.168.11.7', { sharingKey: 'k'.repeat(253) })],
      ['64 owners', claim('192.168.11.7', { owners: many(64, (at) => `s${at}`).map((name) => ({ ...owner, name })) })],
      ['nobody, for one that may have it back', claim('192.168.11.7', { owners: [], retained })],
    ])('is taken with %s', async (_, manifest) => {
      expect(await tried(manifest)).toMatch(/created \(server dry run\)/);
    });

    it.each<[string, object, string]>([
      ['the name of another address', claim('192.168.11.7', {}, '192.168.11.8'), NOT_NAMED],
      ['a name of its own', claim('fd00::1', {}, 'web'), NOT_NAMED],
      [
        'neither owners nor who may have it back',
        claim('192.168.11.7', { owners: [] }),
        'give owners, or say for whom the address is retained',
      ],
      ['an owner twice', claim('192.168.11.7', { owners: [owner, { ...owner, uid: 'v' }] }), 'Duplicate value'],
      [
        'an owner without a uid',
        claim('192.168.11.7', { owners: [{ namespace: 'a', name: 'b' }] }),
        'spec.owners[0].uid: Required value',
      ],
      [
        '65 owners',
        claim('192.168.11.7', { owners: many(65, (at) => `s${at}`).map((name) => ({ ...owner, name })) }),
        'must have at most 64 items',
      ],
      ['no pool', claim('192.168.11.7', { pool: '' }), 'spec.pool in body should be at least 1 chars long'],
      [
        'a time that is none',
        claim('192.168.11.7', { owners: [], retained: { ...retained, since: 'now' } }),
        'must be of type date-time',
      ],
      [
        'a prefix',
        claim('10.0.0.1/24', {}, '10.0.0.1'),
        '"10.0.0.1/24" is not an IPv4 or IPv6 address without a prefix',
      ],
      ['capitals', claim('FD00::1', {}, claimName('fd00::1')), '"FD00::1" is not in the shortest notation'],
      ['a loopback address', claim('127.0.0.1'), '"127.0.0.1" is no address that a Service can have'],
    ])('is refused with %s', async (_, manifest, message) => {
      expect(await tried(manifest)).toContain(message);
    });

    it('is named after its address, and after no other', async () => {
      const seed = { numRuns: 300, seed: 20_261_130 };
      for (const [address, other] of fc.sample(fc.tuple(claimedAddresses, claimedAddresses), seed)) {
        for (const name of [claimName(address), claimName(other)]) {
          const { accepted, message } = await api.judge(`${RESOURCES}/serviceaddresses`, claim(address, {}, name));
          expect({ accepted }, `${address} called ${name}: ${message}`).toEqual({
            accepted: name === claimName(address),
          });
        }
      }
    });

    it('cannot be made twice, nor become that of another address', async () => {
      await api.kubectl(['create', '-f', '-'], { input: stringify(claim('192.168.11.7')) });
      const again = api.kubectl(['create', '-f', '-'], { input: stringify(claim('192.168.11.7', { pool: 'other' })) });
      await expect(again).rejects.toThrow('AlreadyExists');
      const patch = (spec: object) =>
        api.kubectl(['patch', 'svcaddr', '192.168.11.7', '--type=merge', '-p', JSON.stringify({ spec })]);
      await expect(patch({ address: '192.168.11.8' })).rejects.toThrow('spec.address cannot be changed');
      await expect(patch({ owners: [], retained })).resolves.toContain('patched');
      await api.kubectl(['delete', 'svcaddr', '192.168.11.7']);
    });

    it('has a short name, columns and explanations', async () => {
      await apply(claim('fd00::7'));
      const name = claimName('fd00::7');
      const status = { plannedNode: 'node1', holders: ['node2'] };
      await api.kubectl([
        'patch',
        'svcaddr',
        name,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status }),
      ]);
      expect(await api.kubectl(['get', 'serviceaddresses', name])).toMatch(
        /^NAME +ADDRESS +POOL +NAMESPACE +SERVICE +HOLDER +AGE\nfd00-[0-9-]+0007 +fd00::7 +p +default +web +node2 +\d+s$/,
      );
      expect(await api.kubectl(['explain', 'serviceaddress.spec.retained'])).toContain(
        'The Service that may have it back',
      );
      await api.kubectl(['delete', 'svcaddr', name]);
    });
  });

  describe('what is valid', () => {
    /** Every run of this, on whatever machine, has the same objects. */
    const SEED = 20_261_129;
    const RUNS = 600;
    const sample = (objects: fc.Arbitrary<object>) => fc.sample(objects, { numRuns: RUNS, seed: SEED });

    it.each<[string, string, fc.Arbitrary<object>, z.ZodType]>([
      ['VirtualIPPool', 'virtualippools', specs, virtualIpPoolSpecSchema],
      ['VirtualIPPool', 'virtualippools', rangedSpecs, virtualIpPoolSpecSchema],
      ['NodePlan', 'nodeplans', plans, nodePlanSpecSchema],
      ...[
        addresses.map((text) => ({ addresses: [text] })),
        interfaces.map((text) => ({ addresses: ['10.9.9.9'], interface: text })),
        hosts.map((host) => ({ addresses: ['10.9.9.9'], healthCheck: { tcpSocket: { host, port: 80 } } })),
      ].map((objects): [string, string, fc.Arbitrary<object>, z.ZodType] => {
        return ['VirtualIPPool', 'virtualippools', objects, virtualIpPoolSpecSchema];
      }),
    ])(
      'of generated objects is the same for the API server and for both programs: %s',
      async (kind, plural, objects, schema) => {
        let taken = 0;
        for (const spec of sample(objects)) {
          const { accepted, message } = await api.judge(`${RESOURCES}/${plural}`, object(kind, 'p', spec));
          const own = schema.safeParse(spec);
          expect({ accepted }, `${JSON.stringify(spec)}: ${message} ${own.error?.message}`).toEqual({
            accepted: own.success,
          });
          if (accepted) taken += 1;
        }
        // Neither says the same to everything.
        expect(taken).toBeGreaterThan(RUNS / 20);
        expect(taken).toBeLessThan((RUNS * 19) / 20);
      },
    );

    /** The pools of the sample that the API server takes, as it would store them. */
    async function takenPools(): Promise<VirtualIpPool[]> {
      const taken: VirtualIpPool[] = [];
      for (const spec of sample(specs)) {
        const path = `${RESOURCES}/virtualippools`;
        const { accepted, object: pool } = await api.judge(path, object('VirtualIPPool', 'p', spec));
        if (accepted) taken.push(pool as VirtualIpPool);
      }
      return taken;
    }

    it('is planned by the controller, taken as a plan by the API server, and carried out by the agent', async () => {
      const pools = await takenPools();
      expect(pools.length).toBeGreaterThan(RUNS / 20);
      for (const pool of pools) {
        const plan = makePlan(inputOf(pool));
        // One address in two notations is what only the controller finds.
        const refused = (plan.demands.get('p')?.refused ?? []).filter(({ claimedBy }) => claimedBy !== 'p');
        expect(refused, JSON.stringify(pool.spec)).toEqual([]);
        for (const spec of [...plan.nodes.values()].map(nodePlanSpec)) {
          const judged = await api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec));
          expect(judged, JSON.stringify(spec)).toMatchObject({ accepted: true });
          expect(readPlan(spec), JSON.stringify(spec)).toEqual({ ok: true, plan: spec, problems: [] });
        }
      }
    });

    it.each<[string, object, object]>([
      ...[
        '127.0.0.1',
        '127.0.0.53/8',
        '::1',
        '0.0.0.0',
        '::',
        '224.0.0.18',
        'ff02::1',
        'fe80::1',
        '169.254.169.254',
        '::ffff:127.0.0.1',
        '::ffff:7f00:1',
      ].map((text): [string, object, object] => [`the address ${text}`, {}, { addresses: ['10.0.0.1', text] }]),
      ...['127.0.0.1', '::1', 'node2', '10.0.0.1/24'].map((text): [string, object, object] => [
        `the peer ${text}`,
        {},
        { peers: ['10.0.0.7', text] },
      ]),
      ...['lo', 'eth0 }', 'eth0\n}', '$x', 'eth0@if5', '00:00:00:00:00:00', 'eth0"'].map(
        (text): [string, object, object] => [`the interface ${JSON.stringify(text)}`, { interface: text }, {}],
      ),
      ...['169.254.169.254', '0.0.0.0', 'a/b', 'user@host', 'a?b', '10.0.0.1:80', 'fe80::1%eth0'].map(
        (host): [string, object, object] => [
          `the probe target ${host}`,
          { healthCheck: { httpGet: { port: 80, host } } },
          {},
        ],
      ),
      [
        'a header of its own',
        { healthCheck: { httpGet: { port: 80, httpHeaders: [{ name: 'Host', value: 'a\r\nX: y' }] } } },
        {},
      ],
      ['a path of two lines', { healthCheck: { httpGet: { port: 80, path: '/ HTTP/1.1\r\nX: y' } } }, {}],
      ['a check without a pause', { healthCheck: { tcpSocket: { port: 80 }, periodSeconds: 0 } }, {}],
      ['a name that leads elsewhere', {}, { name: 'a-../../x' }],
      ['an instance of no pool', {}, { name: 'b-0', pool: 'b' }],
      ['a router id that does not exist', {}, { virtualRouterId: 256 }],
    ])(
      'keeps %s out of plans, whoever has the rights of the controller: the API server and the agent refuse it',
      async (_, poolChange, change) => {
        const pool = { name: 'a', interface: '', failbackDelaySeconds: null, ...poolChange };
        const instance = { name: 'a-0', pool: 'a', virtualRouterId: 9, rank: 0, addresses: ['10.0.0.1'], ...change };
        const spec = { plan: 'p', pools: [pool], instances: [instance] };
        expect(await api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec))).toMatchObject({
          accepted: false,
        });
        expect(readPlan(spec)).toMatchObject({ ok: true, plan: { instances: [] }, problems: [expect.any(String)] });
      },
    );

    it('takes a plan as the controller makes it', async () => {
      const pool = { name: 'a', interface: '', failbackDelaySeconds: null, healthCheck: { tcpSocket: { port: 80 } } };
      const instance = {
        name: 'a-0',
        pool: 'a',
        virtualRouterId: 9,
        rank: 0,
        addresses: ['10.0.0.1/24'],
        peers: ['10.0.0.7'],
      };
      const spec = { plan: 'p', pools: [pool], instances: [instance] };
      expect(await api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec))).toMatchObject({
        accepted: true,
      });
      expect(readPlan(spec)).toEqual({ ok: true, plan: spec, problems: [] });
    });

    it('takes instances without addresses, each with a router id of its own and of a pool that the plan has', async () => {
      const pool = { name: 'a', interface: '', failbackDelaySeconds: null };
      const instances = Array.from({ length: 127 }, (_, at) => ({
        ...{ name: `a-${at}`, pool: 'a', virtualRouterId: at + 1, rank: 0, addresses: [`10.0.0.${at + 1}`] },
      }));
      const spares = Array.from({ length: 128 }, (_, at) => ({
        ...{ name: `a-${127 + at}`, pool: 'a', virtualRouterId: 128 + at, rank: 0, like: '10.0.1.1' },
      }));
      const judge = (changed: readonly object[]) => {
        const spec = { plan: 'p', pools: [pool], instances, spares: changed };
        return api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec));
      };
      expect(await judge(spares)).toMatchObject({ accepted: true });
      const [first, ...others] = spares;
      for (const change of [
        { virtualRouterId: 1 },
        { virtualRouterId: 129 },
        { name: 'b-0', pool: 'b' },
        { like: 'eth0' },
      ]) {
        expect(await judge([{ ...first, ...change }, ...others])).toMatchObject({ accepted: false });
      }
    });

    it('takes instances in multicast groups, whose router ids are in no other instance, either', async () => {
      const pool = { name: 'a', interface: '', failbackDelaySeconds: null };
      const own = (at: number) => ({ name: `a-${at}`, pool: 'a', virtualRouterId: at + 1, rank: 0 });
      const instances = Array.from({ length: 100 }, (_, at) => ({ ...own(at), addresses: [`10.0.0.${at + 1}`] }));
      const spares = [{ ...own(100), like: '10.0.1.1' }];
      const apart = Array.from({ length: 154 }, (_, at) => ({
        ...{ ...own(101 + at), multicastGroup: 151 + (at % 100), addresses: [`10.0.2.${at + 1}`] },
      }));
      const judge = (changed: readonly object[]) => {
        const spec = { plan: 'p', pools: [pool], instances, spares, apart: changed };
        return api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec));
      };
      expect(await judge(apart)).toMatchObject({ accepted: true });
      const [first, ...others] = apart;
      for (const change of [
        { virtualRouterId: 1 },
        { virtualRouterId: 101 },
        { virtualRouterId: 103 },
        { name: 'b-0', pool: 'b' },
        { multicastGroup: 150 },
        { multicastGroup: 251 },
        { multicastGroup: undefined },
        { addresses: ['127.0.0.1'] },
      ]) {
        expect(await judge([{ ...first, ...change }, ...others])).toMatchObject({ accepted: false });
      }
    });

    it('has the controller know by the refusal of a plan that its definition does not have spare instances', async () => {
      const group = 'older.example';
      await apply(await plansWithoutSpares(group));
      await api.kubectl(['wait', '--for=condition=Established', `crd/nodeplans.${group}`, '--timeout=30s']);
      const access = new KubeConfig();
      access.loadFromFile(api.kubeconfig);
      const sent = (subresource: string, content: object) =>
        send(access, {
          method: HttpMethod.PATCH,
          path: `/apis/${group}/v1alpha1/nodeplans/node1${subresource}`,
          query: { fieldManager: 'test', force: 'true' },
          body: {
            type: 'application/apply-patch+yaml',
            content: { apiVersion: `${group}/v1alpha1`, kind: 'NodePlan', metadata: { name: 'node1' }, ...content },
          },
        });
      const written = (more: object) => {
        const pools = [{ name: 'a', interface: '', failbackDelaySeconds: null }];
        return sent('', { spec: { plan: 'p', pools, instances: [], ...more } });
      };
      await waitFor('the definition', () => written({}).then(Boolean, () => false), { limitMs: 30_000, everyMs: 100 });
      const spares = [{ name: 'a-0', pool: 'a', virtualRouterId: 1, rank: 0, like: '10.0.1.1' }];
      const refused = await written({ spares }).catch((error: unknown) => error);
      expect(isUndeclared(refused, '.spec.spares')).toBe(true);
      const apart = [
        { name: 'a-1', pool: 'a', virtualRouterId: 2, rank: 0, multicastGroup: 200, addresses: ['10.0.0.1'] },
      ];
      const both = await written({ spares, apart }).catch((error: unknown) => error);
      // Not necessarily both: the other one is found out by the next try.
      expect([isUndeclared(both, '.spec.spares'), isUndeclared(both, '.spec.apart')]).toContain(true);
      const loopback = [{ name: 'a', pool: 'a', elected: true, addresses: ['10.9.0.1'] }];
      const elected = await written({ loopback }).catch((error: unknown) => error);
      expect(isUndeclared(elected, '.spec.loopback[].elected')).toBe(true);
      expect(await written({})).toMatchObject({ spec: { plan: 'p' } });
      // What a sidecar knows by the same words.
      const status = { observedPlan: 'p', bgpFamilies: [] };
      const report = await sent('/status', { status }).catch((error: unknown) => error);
      expect(isUndeclared(report, '.status.bgpFamilies')).toBe(true);
      await removeDefinitions(`nodeplans.${group}`);
    });

    it('takes a plan as big as it can be', async () => {
      const pools = many(255, (at) => `pool-${at}`).map((name) => ({
        name,
        interface: 'eth0',
        failbackDelaySeconds: 30,
        healthCheck: { tcpSocket: { host: '127.0.0.1', port: 80 } },
      }));
      const instances = pools.map(({ name }, at) => {
        return {
          name: `${name}-${at}`,
          pool: name,
          virtualRouterId: at + 1,
          rank: 0,
          addresses: many(64, (last) => `fd00::${at}:${last}/64`),
        };
      });
      const spec = { plan: 'p', pools, instances };
      expect(await api.judge(`${RESOURCES}/nodeplans`, object('NodePlan', 'node1', spec))).toMatchObject({
        accepted: true,
      });
    });
  });

  describe('the chart', () => {
    it('refuses a Deployment of pools by an upgrade without the definitions, and takes it with them', async () => {
      await removeDefinitions(...DEFINITIONS);
      await expect(helm('upgrade', 'vip', CHART, POOL)).rejects.toThrow(
        'ERROR: the custom resource definitions of pools are missing',
      );
      await giveDefinitions(join(CHART, 'crds'), ...DEFINITIONS);
      await helm('upgrade', 'vip', CHART, POOL);
      const workloads = await api.kubectl(['-n', NAMESPACE, 'get', 'deployments,daemonsets', '-o', 'name']);
      expect(workloads.split('\n')).toEqual([`deployment.apps/${CONTROLLER}`, `daemonset.apps/${AGENT}`]);
      expect(await api.kubectl(['get', 'virtualippools', '-o', 'name'])).toBe(
        'virtualippool.keepalived-ingress-vip.io/default',
      );
    });

    it('takes the definitions again, as an upgrade of them does', async () => {
      await api.kubectl(['apply', '--server-side', '-f', join(CHART, 'crds')]);
      expect(await api.kubectl(['get', 'virtualippool', 'default', '-o', 'jsonpath={.spec.addresses}'])).toBe(
        '["192.168.1.200","192.168.1.201"]',
      );
    });

    it('refuses pools in a second release', async () => {
      await expect(helm('install', 'other', CHART, '--set=controller.enabled=true')).rejects.toThrow(
        `ERROR: release vip in namespace ${NAMESPACE} has the cluster's pools already`,
      );
    });

    it('leaves pools behind by an upgrade, and the definitions stay', async () => {
      await helm('upgrade', 'vip', CHART, SINGLE, '--reset-values');
      const workloads = await api.kubectl(['-n', NAMESPACE, 'get', 'deployments,daemonsets', '-o', 'name']);
      expect(workloads).toBe(`deployment.apps/${AGENT}`);
      expect(await api.kubectl(['get', 'virtualippools', '-o', 'name'])).toBe('');
    });
  });

  describe("the control plane's ingress", () => {
    const MANAGED = '--set=controlPlane.ingress.managedVirtualIP.address=192.168.1.220';
    const EXTERNAL = '--set=controlPlane.ingress.externalIP.address=192.168.1.221';
    const address = { address: '192.168.1.220' };

    it.each<[string, object]>([
      ['an address that nodes hold, with or without a prefix', { managedVirtualIP: { address: '192.168.1.220/24' } }],
      ['one of IPv6', { managedVirtualIP: { address: 'fd00::220' } }],
      ['an address of the user', { externalIP: address }],
      [
        "a node, and a check of one's own",
        { nodeName: 'node1', port: 9443, healthCheck: { tcpSocket: { port: 9443 } } },
      ],
    ])('takes %s', async (_, spec) => {
      expect(await tried(object('ControlPlaneIngress', 'main', spec))).toContain('created');
    });

    it.each<[string, string, object, string]>([
      ['none', 'main', {}, 'give exactly one of managedVirtualIP, externalIP and nodeName'],
      ['two', 'main', { managedVirtualIP: address, externalIP: address }, 'give exactly one of managedVirtualIP,'],
      ['a name of its own', 'mine', { externalIP: address }, 'metadata.name must be main: a cluster has one ingress'],
      [
        'an address with a prefix that it does not hold',
        'main',
        { externalIP: { address: '192.168.1.220/24' } },
        '"192.168.1.220/24" is not an IPv4 or IPv6 address without a prefix; write for example 192.168.1.200',
      ],
      [
        'an address that no machine has',
        'main',
        { externalIP: { address: '127.0.0.1' } },
        '"127.0.0.1" is a loopback, link-local, multicast, reserved or unspecified address; give the address that clients use',
      ],
      [
        'an address to hold that is its network’s',
        'main',
        { managedVirtualIP: { address: '192.168.1.0/24' } },
        "the network, broadcast or routers' address",
      ],
    ])('refuses %s, with a sentence', async (_, name, spec, sentence) => {
      expect(await tried(object('ControlPlaneIngress', name, spec))).toContain(sentence);
    });

    it('refuses a release with it by an upgrade without its definition, and takes it with that', async () => {
      const definition = join(CHART, 'crds/controlplaneingresses.yaml');
      await removeDefinitions(INGRESS_DEFINITION);
      await expect(helm('upgrade', 'vip', CHART, MANAGED, '--reset-values')).rejects.toThrow(
        'ERROR: the custom resource definition of controlPlane.ingress is missing',
      );
      await giveDefinitions(definition, INGRESS_DEFINITION);
      await helm('upgrade', 'vip', CHART, MANAGED, '--reset-values');
      expect(await api.kubectl(['get', 'cpingress', 'main', '-o', 'jsonpath={.spec}'])).toBe(
        '{"managedVirtualIP":{"address":"192.168.1.220"},"port":8443}',
      );
    });

    it('lets the controller make, change and remove its pool, no other one, and write its status', async () => {
      const account = await token(CONTROLLER);
      const applied = ['apply', '--server-side', '--field-manager=keepalived-ingress-vip-controller'];
      const pool = (name: string) => object('VirtualIPPool', name, ingressPool({}, ['192.168.1.220']));
      expect(await as(account, [...applied, '-f', '-'], pool('control-plane-ingress'))).toContain('serverside-applied');
      expect(await as(account, [...applied, '-f', '-'], pool('other'))).toContain('forbidden');
      expect(await as(account, ['delete', 'virtualippool', 'control-plane-ingress'])).toContain('deleted');
      const status = { ip: '192.168.1.220', source: 'ManagedVirtualIP', endpoint: 'https://192.168.1.220:8443' };
      const written = { ...object('ControlPlaneIngress', 'main', {}), spec: undefined, status };
      expect(await as(account, [...applied, '--subresource=status', '-f', '-'], written)).toContain(
        'serverside-applied',
      );
      expect(await api.kubectl(['get', 'controlplaneingress', 'main'])).toMatch(
        /^NAME +IP +ENDPOINT +READY +AGE\nmain +192.168.1.220 +https:[/][/]192.168.1.220:8443 +\d+s$/,
      );
    });

    it('is switched to an address of the user and back by one upgrade each, of the values or with a key taken back', async () => {
      await helm('upgrade', 'vip', CHART, EXTERNAL, '--reset-values');
      const spec = () => api.kubectl(['get', 'cpingress', 'main', '-o', 'jsonpath={.spec}']);
      expect(await spec()).toBe('{"externalIP":{"address":"192.168.1.221"},"port":8443}');
      await expect(helm('upgrade', 'vip', CHART, MANAGED, '--reuse-values')).rejects.toThrow(
        'ERROR: controlPlane.ingress has externalIP.address and managedVirtualIP.address',
      );
      await helm('upgrade', 'vip', CHART, MANAGED, '--reuse-values', '--set=controlPlane.ingress.externalIP.address=');
      expect(await spec()).toBe('{"managedVirtualIP":{"address":"192.168.1.220"},"port":8443}');
      await helm('upgrade', 'vip', CHART, SINGLE, '--reset-values');
      expect(await api.kubectl(['get', 'cpingress', '-o', 'name'])).toBe('');
    });
  });

  describe('an agent', () => {
    let own: string;

    beforeAll(async () => {
      await helm('upgrade', 'vip', CHART, POOL);
      const plan = { plan: 'p', pools: [{ name: 'a', interface: '', failbackDelaySeconds: null }], instances: [] };
      await apply(...NODES.map(sidecarPod), ...NODES.map((name) => object('NodePlan', name, plan)));
      own = await token(AGENT, 'agent-node1');
      // The API server puts a new policy into force a moment later.
      const refused = async () => (await report(own, 'node2')).includes('denied request');
      await waitFor('the policy', refused, { limitMs: 30_000, everyMs: 100 });
    });

    it('reads plans and reports on that of its own node', async () => {
      expect(await as(own, ['get', 'nodeplans', '-o', 'name'])).toContain('nodeplan.keepalived-ingress-vip.io/node2');
      expect(await report(own, 'node1')).toContain('serverside-applied');
      expect(await api.kubectl(['get', 'nodeplan', 'node1'])).toMatch(
        /^NAME +PLAN +OBSERVED +HELD +AGE\nnode1 +p +p +2 +\d+s$/,
      );
    });

    it('may say as much as the definition allows, in the longest words, all at once', async () => {
      const list = <T>(length: number, item: (index: number) => T) => Array.from({ length }, (_, index) => item(index));
      const address = (index: number) => `fd00:1111:2222:3333:4444:5555:${(0xa000 + index).toString(16)}:ffff`;
      const said = {
        agentVersion: 'v'.repeat(REPORT_LIMITS.version),
        observedPlan: 'p'.repeat(REPORT_LIMITS.plan),
        held: list(REPORT_LIMITS.held, (index) => ({
          address: address(index),
          since: '2026-01-01T00:00:00.000+00:00',
        })),
        heldCount: REPORT_LIMITS.held,
        health: list(255, (index) => ({
          pool: `pool-${index}`,
          band: index % 6,
          reason: 'r'.repeat(REPORT_LIMITS.reason),
        })),
        foreignRouterIds: list(255, (index) => index + 1),
        bgpFamilies: [...IP_FAMILIES],
        // Characters, of which each is four bytes.
        problems: list(REPORT_LIMITS.problems, () => '🚀'.repeat(REPORT_LIMITS.problem)),
        addresses: list(REPORT_LIMITS.addresses, (index) => `${address(index)}/128`),
      };
      expect(await report(own, 'node1', said)).toContain('serverside-applied');
    });

    it.each([
      ['a text of a megabyte', { problems: ['x'.repeat(1024 * 1024)] }, 'problems'],
      ['more problems than anybody reads', { problems: Array.from({ length: 33 }, () => 'x') }, 'problems'],
      ['a plan of any text', { observedPlan: 'p'.repeat(65) }, 'observedPlan'],
      ['a version of any text', { agentVersion: 'v'.repeat(65) }, 'agentVersion'],
      ['families that there are none of', { bgpFamilies: ['IPv5'] }, 'bgpFamilies'],
      ['router ids that there are none of', { foreignRouterIds: [256] }, 'foreignRouterIds'],
      ['a fitness that there is none of', { health: [{ pool: 'a', band: 6, reason: '' }] }, 'band'],
      ['addresses of any text', { held: [{ address: 'x'.repeat(46), since: '2026-01-01T00:00:00Z' }] }, 'address'],
      ['times that are none', { held: [{ address: '192.168.1.200', since: 'now' }] }, 'since'],
      [
        'more addresses of its own than a node has',
        { addresses: Array.from({ length: 257 }, () => '10.0.0.1/8') },
        'addresses',
      ],
    ])('is refused with %s', async (_, said, field) => {
      const answer = await report(own, 'node1', said);
      expect(answer).toContain('is invalid');
      expect(answer).toContain(field);
    });

    it('is refused for the plan of another node, with a sentence', async () => {
      expect(await report(own, 'node2')).toContain(
        'the sidecar of node node1 may change the plan of its own node only, not that of node2',
      );
    });

    it('is refused with a token that names no node', async () => {
      expect(await report(await token(AGENT), 'node1')).toContain(
        'the token names no node, so that nobody can tell whose plan this is; sidecars use the token of their own pod',
      );
    });

    it.each([
      ['change what its node is to do', ['patch', 'nodeplan', 'node1', '--type=merge', '-p', '{"spec":{"plan":"x"}}']],
      ['delete its plan', ['delete', 'nodeplan', 'node1']],
      ['read pools', ['get', 'virtualippools']],
      ['read Secrets', ['-n', NAMESPACE, 'get', 'secrets']],
    ])('may not %s', async (_, args) => {
      expect(await as(own, args)).toContain('Forbidden');
    });
  });

  describe('the controller', () => {
    let account: string;

    beforeAll(async () => {
      await helm('upgrade', 'vip', CHART, POOL);
      account = await token(CONTROLLER);
    });

    it('fits the Pod Security Standard restricted, which the agents cannot', async () => {
      await api.kubectl(['label', 'namespace', NAMESPACE, 'pod-security.kubernetes.io/warn=restricted']);
      const change = '{"spec":{"template":{"metadata":{"annotations":{"changed":"1"}}}}}';
      const changed = (workload: string) =>
        api.kubectl(['-n', NAMESPACE, 'patch', workload, '--dry-run=server', '--warnings-as-errors', '-p', change]);
      await expect(changed(`daemonset/${AGENT}`)).rejects.toThrow(/would violate PodSecurity "restricted/);
      await expect(changed(`deployment/${CONTROLLER}`)).resolves.toContain('patched');
    });

    it('writes plans of any node, and deletes them', async () => {
      const plan = object('NodePlan', 'node3', { plan: 'p', pools: [], instances: [] });
      expect(await as(account, ['apply', '--server-side', '-f', '-'], plan)).toContain('serverside-applied');
      expect(await as(account, ['delete', 'nodeplan', 'node3'])).toContain('deleted');
    });

    it('writes the status of pools, and Events about them', async () => {
      const status = {
        apiVersion: API_VERSION,
        kind: 'VirtualIPPool',
        metadata: { name: 'default' },
        status: { heldCount: 1 },
      };
      const applied = [
        'apply',
        '--server-side',
        '--subresource=status',
        '--field-manager=keepalived-ingress-vip-controller',
      ];
      expect(await as(account, [...applied, '-f', '-'], status)).toContain('serverside-applied');
      const event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: 'default.1', namespace: 'default' },
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'keepalived-ingress-vip-controller',
        reportingInstance: 'controller-1',
        regarding: { apiVersion: API_VERSION, kind: 'VirtualIPPool', name: 'default' },
        type: 'Normal',
        reason: 'AddressesMoved',
        action: 'Move',
        // The longest that the controller writes; the limit is in bytes.
        note: oneLine('ä'.repeat(5000), 1024),
      };
      expect(await as(account, ['create', '-f', '-'], event)).toContain('created');
    });

    it('makes its Lease, reads it by name, and changes it', async () => {
      const lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: CONTROLLER, namespace: NAMESPACE },
      };
      expect(await as(account, ['create', '-f', '-'], lease)).toContain('created');
      const listed = ['-n', NAMESPACE, 'get', 'leases', `--field-selector=metadata.name=${CONTROLLER}`, '-o', 'name'];
      expect(await as(account, listed)).toBe(`lease.coordination.k8s.io/${CONTROLLER}`);
      expect(await as(account, ['replace', '-f', '-'], lease)).toContain('replaced');
    });

    it.each([
      [
        'change what users wish',
        ['patch', 'virtualippool', 'default', '--type=merge', '-p', '{"spec":{"interface":"eth0"}}'],
      ],
      ['read all Leases', ['-n', NAMESPACE, 'get', 'leases']],
      ['read Secrets', ['-n', NAMESPACE, 'get', 'secrets']],
      ['read ConfigMaps', ['-n', NAMESPACE, 'get', 'configmaps']],
      ['change nodes', ['patch', 'node', 'node1', '-p', '{"spec":{"unschedulable":true}}']],
    ])('may not %s', async (_, args) => {
      expect(await as(account, args)).toMatch(/forbidden/i);
    });
  });
});
