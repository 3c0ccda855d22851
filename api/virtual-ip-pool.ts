import * as z from 'zod';
import { issueText } from '../common/check-document.ts';
import { excludeSchema, rangesSchema } from './address-ranges.ts';
import { VIRTUAL_ADDRESS_LENGTH, virtualAddressRules } from './addresses.ts';
import { conditionSchema } from './conditions.ts';
import { FAILBACK_DEFAULTS, HEALTH_CHECK_DEFAULTS } from './defaults.ts';
import { CHECK_LIMITS, FAILBACK_LIMITS, within } from './durations.ts';
import { hostHeaderRules, hostRules, pathRules, VIRTUAL_TARGET } from './hosts.ts';
import { LOCAL_POOL, routerId } from './instances.ts';
import { interfaceOrNoneRules } from './interfaces.ts';
import { labelExpressionsSchema, labelValuesSchema } from './label-selector.ts';
import { poolServicesSchema } from './pool-services.ts';
import { boundedText, celMatches, ruled, ruledText } from './rules.ts';
import type { ServedObject } from './served-object.ts';

/*
 * VirtualIPPool: a set of virtual addresses that the cluster spreads over nodes. Cluster-scoped, written by users, its status by the
 * controller. The custom resource definition is generated from these schemas, so a description here is what `kubectl explain` shows, and
 * a rule is what the API server refuses a bad object by
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules). The controller asks
 * the same schemas, for an object may have been stored when the definition asked for less; NodePlan is made of them, too.
 */

/** The longest name of a pool: its VRRP instances are called `<pool>-<slot>`, which has to fit into a file's name and into logs. */
export const POOL_NAME_LENGTH = 40;

const tolerationSchema = ruled(
  z.object({
    key: boundedText(316).optional().describe('Key of the taint. Empty with operator Exists: every taint.'),
    operator: z.enum(['Exists', 'Equal']).optional().describe('Exists or Equal (the default).'),
    value: boundedText(63).optional().describe('Value of the taint, for Equal.'),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .optional()
      .describe('Effect of the taint. Empty: all of them.'),
    tolerationSeconds: z
      .int()
      .optional()
      .describe('Accepted as in a pod; an address stays as long as the node lets it.'),
  }),
  {
    test: ({ key = '', operator }) => key !== '' || operator === 'Exists',
    cel: "(has(self.key) && size(self.key) > 0) || (has(self.operator) && self.operator == 'Exists')",
    sentence: 'a toleration without a key needs operator Exists; it then tolerates every taint',
  },
  {
    test: ({ operator, value = '' }) => operator !== 'Exists' || value === '',
    cel: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || size(self.value) == 0",
    sentence: 'operator Exists takes no value; remove it, or use Equal',
  },
).describe('A taint that nodes of the pool may have, as in a pod.');

const nodeSelectorSchema = z
  .object({
    matchLabels: labelValuesSchema.optional().describe('Labels that a node must have with these values.'),
    matchExpressions: labelExpressionsSchema.optional().describe('Requirements, all of which must hold.'),
    anyLabel: z
      .array(boundedText(316).min(1))
      .max(16)
      .optional()
      .describe('Labels of which a node must have one, whatever its value: the names of one role.'),
  })
  .describe('Nodes that may hold the addresses. Empty: all that run a sidecar.');

const port = z.int().min(1).max(65535);
const threshold = z.int().min(CHECK_LIMITS.threshold.least).max(CHECK_LIMITS.threshold.most);

const host = ruledText(253, hostRules).describe(
  `Host to connect to. Default: ${HEALTH_CHECK_DEFAULTS.host}, the node itself.`,
);

const httpHeaderSchema = z.object({
  name: z.literal('Host').describe('Only Host can be set: a check sends nothing else.'),
  value: ruledText(253, hostHeaderRules).describe('Value of the header.'),
});

export const healthCheckSchema = ruled(
  z.object({
    httpGet: z
      .object({
        host: host.optional(),
        port: port.describe('Port to connect to.'),
        path: ruledText(2048, pathRules)
          .optional()
          .describe(`Path to ask for. Default: ${HEALTH_CHECK_DEFAULTS.path}.`),
        scheme: z
          .enum(['HTTP', 'HTTPS'])
          .optional()
          .describe(
            `${HEALTH_CHECK_DEFAULTS.scheme} (the default) or HTTPS; the certificate is not verified, as by the kubelet.`,
          ),
        httpHeaders: z
          .array(httpHeaderSchema)
          .max(1)
          .optional()
          .describe('The Host header, where the server needs one.'),
      })
      .optional()
      .describe('Healthy when this answers 200.'),
    tcpSocket: z
      .object({
        host: host.optional(),
        port: port.describe('Port to connect to.'),
      })
      .optional()
      .describe('Healthy when a connection can be opened.'),
    periodSeconds: within(CHECK_LIMITS.intervalSeconds)
      .optional()
      .describe(`Seconds between two checks. Default: ${HEALTH_CHECK_DEFAULTS.periodSeconds}.`),
    timeoutSeconds: within(CHECK_LIMITS.timeoutSeconds)
      .optional()
      .describe(`Seconds without an answer that fail a check. Default: ${HEALTH_CHECK_DEFAULTS.timeoutSeconds}.`),
    failureThreshold: threshold
      .optional()
      .describe(
        `Failed checks in a row that make a node give its addresses up. Default: ${HEALTH_CHECK_DEFAULTS.failureThreshold}.`,
      ),
    successThreshold: threshold
      .optional()
      .describe(
        `Passed checks in a row that make it eligible again. Default: ${HEALTH_CHECK_DEFAULTS.successThreshold}.`,
      ),
  }),
  {
    test: ({ httpGet, tcpSocket }) => (httpGet === undefined) !== (tcpSocket === undefined),
    cel: 'has(self.httpGet) != has(self.tcpSocket)',
    sentence: 'give exactly one of httpGet and tcpSocket',
  },
).describe(
  "How a node knows that it can serve the pool's addresses, checked on the node itself. Default: the release's service check.",
);

/** On so many nodes at most addresses can be asked for by number: each takes a router id. */
const MAX_REPLICAS = 16;

const distributionSchema = ruled(
  z.object({
    mode: z
      .enum(['One', 'All', 'Replicas'])
      .optional()
      .describe(
        'One (the default): one node has an address, and VRRP decides which. All: every node that is fit has it on lo, for routers that share connections out (ECMP). Replicas: so many of the nodes that are fit have it on lo, and VRRP decides which. It cannot be changed.',
      ),
    replicas: z
      .int()
      .min(1)
      .max(MAX_REPLICAS)
      .optional()
      .describe('With mode Replicas: how many nodes have an address, at most. Each takes a router id.'),
  }),
  {
    test: ({ mode, replicas }) => (mode === 'Replicas') === (replicas !== undefined),
    cel: "(has(self.mode) && self.mode == 'Replicas') == has(self.replicas)",
    sentence: 'mode Replicas needs replicas, and only it: on how many nodes an address is',
  },
).describe('How many nodes have an address.');

interface Distributed {
  readonly distribution?: z.infer<typeof distributionSchema> | undefined;
}

/** Whether a pool's addresses are on lo, of every fit node or of some, and not on an interface of one. Pure. */
export function isOnLo({ distribution }: Distributed): boolean {
  return distribution?.mode === 'All' || distribution?.mode === 'Replicas';
}

/** On how many nodes at most a pool's addresses are on lo; undefined: that is not limited. Pure. */
export function replicasOf({ distribution }: Distributed): number | undefined {
  return distribution?.mode === 'Replicas' ? distribution.replicas : undefined;
}

const HAS_MODE = 'has(self.distribution) && has(self.distribution.mode)';
const IS_ALL = `${HAS_MODE} && self.distribution.mode == 'All'`;
const IS_REPLICAS = `${HAS_MODE} && self.distribution.mode == 'Replicas'`;

const addressSchema = ruledText(VIRTUAL_ADDRESS_LENGTH, virtualAddressRules);

/** Hosts that a check names, as they are written. */
export function hostsOf({ httpGet, tcpSocket }: z.infer<typeof healthCheckSchema>): string[] {
  return [httpGet?.host, tcpSocket?.host].filter((named) => named !== undefined);
}

const CHECKED_HOST = (kind: 'httpGet' | 'tcpSocket') =>
  `(!has(self.healthCheck.${kind}) || !has(self.healthCheck.${kind}.host) || !self.addresses.exists(a, a.split('/')[0] == self.healthCheck.${kind}.host))`;

/** In a longer list the API server does not look for an address that is there twice: that would cost more than it allows a rule. */
const COMPARED_ADDRESSES = 500;

/** What a user wants of a pool. */
export const virtualIpPoolSpecSchema = ruled(
  z.object({
    addresses: ruled(z.array(addressSchema).min(1).max(1024), {
      // Two prefixes, or two notations of an IPv6 address, are left to the controller as well.
      test: (addresses) =>
        addresses.length > COMPARED_ADDRESSES ||
        !addresses.some((a) => a.includes('/') && addresses.includes(a.split('/')[0] ?? '')),
      cel: `self.size() > ${COMPARED_ADDRESSES} || self.all(a, !a.contains('/') || !(a.split('/')[0] in self))`,
      sentence: 'an address is in the list twice, with and without a prefix; remove one of the two',
    })
      .meta({ 'x-kubernetes-list-type': 'set' })
      .optional()
      .describe(
        "Virtual addresses, IPv4 or IPv6, which nodes hold with or without a Service. None may be a node's own. A prefix is of no concern where a node has an address in the subnet.",
      ),
    ranges: rangesSchema.optional(),
    exclude: excludeSchema.optional(),
    avoidNetworkAndBroadcast: z
      .boolean()
      .optional()
      .describe(
        "Default: true. False: Services get the first and the last address of a range's cidr as well. Those that prefixLength makes a subnet's own nobody gets.",
      ),
    services: poolServicesSchema.optional(),
    nodeSelector: nodeSelectorSchema.optional(),
    tolerations: z
      .array(tolerationSchema)
      .max(64)
      .optional()
      .describe('Taints that nodes of the pool may have, as in a pod.'),
    healthCheck: healthCheckSchema.optional(),
    interface: ruledText(253, interfaceOrNoneRules)
      .optional()
      .describe(
        "Interface that gets the addresses, by name or MAC address. Default: the one whose subnet contains the address, else the default route's.",
      ),
    distribution: distributionSchema.optional(),
    failback: z
      .object({
        enabled: z
          .boolean()
          .optional()
          .describe(
            `Default: ${FAILBACK_DEFAULTS.enabled}. False: an address stays where it is until its holder fails.`,
          ),
        delaySeconds: z
          .int()
          .min(FAILBACK_LIMITS.least)
          .max(FAILBACK_LIMITS.most)
          .optional()
          .describe(
            `Seconds that a returning node must be healthy before it takes its share back. Default: ${FAILBACK_DEFAULTS.delaySeconds}.`,
          ),
      })
      .optional()
      .describe('Whether addresses go back to the node planned for them.'),
    spread: z
      .object({
        topologyKey: boundedText(316)
          .min(1)
          .optional()
          .describe(
            "Label of nodes, e.g. topology.kubernetes.io/zone: an address's first and second node differ in it where they can.",
          ),
      })
      .optional()
      .describe('How addresses are spread, beyond evenly.'),
    vrrp: z
      .object({
        peering: z
          .enum(['Multicast', 'Unicast'])
          .optional()
          .describe('Multicast (the default), or Unicast to the other nodes of the pool.'),
        virtualRouterIds: ruled(
          z.object({
            first: routerId.describe('First router id of the range.'),
            last: routerId.describe('Last router id of the range.'),
          }),
          {
            test: ({ first, last }) => first <= last,
            cel: 'self.first <= self.last',
            sentence: 'first must not be above last',
          },
        )
          .optional()
          .describe("Range that the pool's router ids are taken from, 1 to 255. Default: the controller's."),
      })
      .optional()
      .describe('How the nodes agree on who holds an address.'),
  }),
  {
    test: ({ addresses, ranges }) => addresses !== undefined || ranges !== undefined,
    cel: 'has(self.addresses) || has(self.ranges)',
    sentence: 'give addresses, which nodes always hold, or ranges, from which Services get theirs, or both',
  },
  {
    test: ({ ranges, services }) => services === undefined || ranges !== undefined,
    cel: '!has(self.services) || has(self.ranges)',
    sentence: 'services needs ranges: what is in addresses no Service gets',
  },
  {
    test: ({ distribution, interface: on = '' }) => !isOnLo({ distribution }) || on === '',
    cel: `!((${IS_ALL}) || (${IS_REPLICAS})) || !has(self.interface) || self.interface == ''`,
    sentence: 'with distribution All or Replicas addresses are on lo; leave interface out',
  },
  {
    test: ({ distribution, services, failback, spread, vrrp }) =>
      distribution?.mode !== 'All' ||
      services !== undefined ||
      (failback === undefined && spread === undefined && vrrp === undefined),
    cel: `!(${IS_ALL}) || has(self.services) || (!has(self.failback) && !has(self.spread) && !has(self.vrrp))`,
    sentence:
      'with distribution All no address moves, but those of Services with sessionAffinity: failback, spread and vrrp need services; take them out',
  },
  {
    test: ({ distribution, services, spread }) =>
      distribution?.mode !== 'Replicas' || services !== undefined || spread === undefined,
    cel: `!(${IS_REPLICAS}) || has(self.services) || !has(self.spread)`,
    sentence:
      'with distribution Replicas an address is on several nodes at once: spread, which counts for Services with sessionAffinity, needs services; take it out',
  },
  {
    // Another notation of the address, or the address of another pool, only the controller can find.
    test: ({ addresses = [], healthCheck }) => {
      const targets = healthCheck === undefined ? [] : hostsOf(healthCheck);
      return !addresses.some((address) => targets.includes(address.split('/')[0] ?? ''));
    },
    cel: `!has(self.healthCheck) || !has(self.addresses) || (${CHECKED_HOST('httpGet')} && ${CHECKED_HOST('tcpSocket')})`,
    sentence: `the host of healthCheck ${VIRTUAL_TARGET}`,
  },
).describe('What is wished.');

const settingsSchema = z.object({
  distribution: virtualIpPoolSpecSchema.shape.distribution,
  interface: virtualIpPoolSpecSchema.shape.interface,
  healthCheck: virtualIpPoolSpecSchema.shape.healthCheck,
  failback: virtualIpPoolSpecSchema.shape.failback,
  vrrp: virtualIpPoolSpecSchema.shape.vrrp,
});

/**
 * Why what a NodePlan says of a pool, besides its addresses, cannot be carried out, in a sentence that names the field; undefined when it
 * can. Pure.
 */
export function settingsProblem(spec: VirtualIpPoolSpec): string | undefined {
  const issue = settingsSchema.safeParse(spec).error?.issues[0];
  return issue === undefined ? undefined : `spec.${issueText(issue)}`;
}

const servicesStatusSchema = z.object({
  capacity: z.int().describe('Addresses that the ranges have for Services.'),
  allocated: z.int().describe('Addresses that Services have.'),
  retained: z.int().describe('Addresses that are kept for Services that were deleted.'),
  free: z.int().describe('Addresses of the ranges that nobody has.'),
});

const groupSchema = z.object({
  slot: z.int().min(0).describe('Number of the group within the pool; its VRRP instance is called <pool>-<slot>.'),
  virtualRouterId: routerId.describe('Router id of its VRRP instance.'),
  addresses: z
    .array(z.string())
    .describe(
      'Addresses that move together; an address stays in its group for life. None: the group is ready for the next Service, or decides with others which nodes have the pool’s addresses.',
    ),
  nodes: z.array(z.string()).describe('Nodes in order of preference, the first is the planned holder.'),
});

const addressStatusSchema = z.object({
  address: z.string().describe('The address, as the spec gives it but without a prefix.'),
  plannedNode: z.string().optional().describe('Node that the plan prefers.'),
  holders: z
    .array(z.string())
    .describe(
      'Nodes that have it on an interface, as they report: one, unless several are to have it or something is wrong. Not all are named.',
    ),
  holderCount: z.int().optional().describe('How many nodes have it, where several are to.'),
  since: z.iso.datetime({ offset: true }).optional().describe('Since when the holder has it.'),
});

/** What the name of a pool is: an RFC 1123 label that leaves room for the slot. */
export const POOL_NAME = new RegExp(`^[a-z0-9]([-a-z0-9]{0,${POOL_NAME_LENGTH - 2}}[a-z0-9])?$`);

/** The way of a pool as CEL reads it. */
const modeOf = (object: string) =>
  `(has(${object}.spec.distribution) && has(${object}.spec.distribution.mode) ? ${object}.spec.distribution.mode : 'One')`;

/** What the API server asks of the object as a whole. */
export const virtualIpPoolRules = {
  'x-kubernetes-validations': [
    {
      rule: `${modeOf('self')} == ${modeOf('oldSelf')}`,
      message:
        'spec.distribution.mode cannot be changed: an address that one node has must be in its subnet, and one that several have must not; make another pool',
    },
    {
      rule: celMatches(POOL_NAME, 'self.metadata.name'),
      message: `metadata.name must be at most ${POOL_NAME_LENGTH} characters of a-z, 0-9 and -, without dots, because VRRP instances are named after it`,
    },
    {
      rule: `!${celMatches(LOCAL_POOL, 'self.metadata.name')}`,
      message:
        'metadata.name must not be svc- and ten hexadecimal digits: addresses of Services with externalTrafficPolicy Local go by such names',
    },
  ],
};

/** What is: the plan's memory, and what the nodes see. */
export const virtualIpPoolStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that this is about.'),
  conditions: z
    .array(conditionSchema)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'Configured: the nodes carry out the plan. Available: every address is held, by one node unless several are to have it. Announced, where BGP announces: of each address, a node that has it has a session with a router. Ready: all of these, and nothing refused.',
    ),
  addressCount: z.int().optional().describe('Addresses wished for.'),
  heldCount: z
    .int()
    .optional()
    .describe('Addresses that exactly one node holds, or with distribution All or Replicas one at least.'),
  services: servicesStatusSchema.optional().describe('What Services have of the ranges.'),
  eligibleNodes: z.int().optional().describe('Nodes that may hold them now.'),
  groups: z.array(groupSchema).optional().describe('How the addresses are grouped into VRRP instances.'),
  addresses: z.array(addressStatusSchema).optional().describe('Each address, and who holds it.'),
});

/** Checks in full what a user wrote; durations in seconds. */
export type VirtualIpPoolSpec = z.infer<typeof virtualIpPoolSpecSchema>;
/** How a pool's node fitness is probed, in kubelet's field names. */
export type HealthCheck = z.infer<typeof healthCheckSchema>;
/** A taint that a pool's nodes may have. */
export type Toleration = z.infer<typeof tolerationSchema>;
/** Labels that a pool's nodes must have. */
export type NodeSelector = z.infer<typeof nodeSelectorSchema>;
export type VirtualIpPoolStatus = z.infer<typeof virtualIpPoolStatusSchema>;
/** Addresses that move together: one VRRP instance. */
export type AddressGroup = z.infer<typeof groupSchema>;
/** What Services have of a pool's ranges. */
export type PoolServicesStatus = z.infer<typeof servicesStatusSchema>;
export type AddressStatus = z.infer<typeof addressStatusSchema>;

interface PoolMetadata {
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { readonly uid: string }[];
}

export type VirtualIpPool = ServedObject<VirtualIpPoolSpec, VirtualIpPoolStatus, PoolMetadata>;
