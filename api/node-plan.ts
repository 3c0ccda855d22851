import * as z from 'zod';
import { IP_ADDRESS, IP_ADDRESS_OR_CIDR } from '../common/addresses.ts';
import { NO_VIRTUAL_ADDRESS, peerProblem, VIRTUAL_ADDRESS_LENGTH, virtualAddressProblem } from './addresses.ts';
import { BAND_LEGEND, WORST_BAND } from './bands.ts';
import { FAILBACK_LIMITS, within } from './durations.ts';
import { multicastGroup, POOL_INSTANCE, poolOfInstance, ROUTER_IDS, routerId } from './instances.ts';
import { interfaceOrNoneRules } from './interfaces.ts';
import { IP_FAMILIES } from './ip-family.ts';
import { type Rule, ruled, ruledText } from './rules.ts';
import type { ServedObject } from './served-object.ts';
import { type HealthCheck, POOL_NAME, POOL_NAME_LENGTH, virtualIpPoolSpecSchema } from './virtual-ip-pool.ts';

/*
 * NodePlan: what one node is to do for all pools. Cluster-scoped, named as the node, written by the controller; its status by that node's
 * sidecar. A sidecar carries out the last plan it got, with or without the API.
 *
 * The API server refuses a plan with what no pool may have, so that whoever has the controller's rights cannot have nodes do more than
 * pools can. It has no room for rules about each of thousands of addresses: they are asked by patterns, of which it says less.
 */

const poolName = z.string().max(POOL_NAME_LENGTH).regex(POOL_NAME, { error: 'is not the name of a pool' });

/** A text that the API server asks by patterns alone, and JavaScript in full. */
function address(pattern: RegExp, problem: (text: string) => string | undefined) {
  return z
    .string()
    .max(VIRTUAL_ADDRESS_LENGTH)
    .superRefine((text, context) => {
      const message = problem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({ pattern: pattern.source, not: { pattern: NO_VIRTUAL_ADDRESS.source } });
}

/** To so many endpoints of a Service a node holds a connection at most. */
export const MAX_HELD_ENDPOINTS = 8;

const localEndpointsSchema = z
  .object({
    port: z.int().min(1).max(65_535).describe('Port to ask at, on the node’s own address.'),
    host: address(IP_ADDRESS, peerProblem)
      .optional()
      .describe("Address of the node, where it is not the first: kube-proxy answers at those of the Service's family."),
    endpoints: z
      .array(
        z.object({
          address: address(IP_ADDRESS, peerProblem).describe('Address of the pod.'),
          port: z.int().min(1).max(65_535).describe('TCP port of the pod.'),
        }),
      )
      .max(MAX_HELD_ENDPOINTS)
      .optional()
      .describe(
        'Endpoints that this node has: a connection is held to each, so that the node knows at once when all of them are gone. Absent: none is held.',
      ),
    elsewhere: z
      .boolean()
      .optional()
      .describe('True: other nodes have endpoints, too, so that this one lets them take over when its own are gone.'),
  })
  .describe(
    "kube-proxy's health check port of a Service with externalTrafficPolicy Local: the node is preferred while it answers 200. Absent: a node needs no endpoint of its own.",
  );

/** A pool in a node's plan. */
export const plannedPoolSchema = z.object({
  name: poolName.describe('Name of the pool, or of those of its addresses that are placed by themselves.'),
  ofPool: poolName
    .optional()
    .describe('Name of the pool that the addresses are of, where they are placed by themselves. Absent: its own name.'),
  interface: ruledText(253, interfaceOrNoneRules).describe(
    'Interface for its addresses, by name or MAC address; empty: found by subnet.',
  ),
  onLoopback: z
    .boolean()
    .optional()
    .describe('True: its addresses are on lo of the node that holds them, where a routing daemon finds them.'),
  failbackDelaySeconds: within(FAILBACK_LIMITS)
    .nullable()
    .meta({ nullable: true })
    .describe('Null: addresses stay where they are.'),
  healthCheck: virtualIpPoolSpecSchema.shape.healthCheck,
  localEndpoints: localEndpointsSchema.optional(),
});

/** What an instance has whether it has addresses or not. */
const instanceFields = {
  name: z
    .string()
    .max(63)
    .regex(POOL_INSTANCE, { error: 'is not called <pool>-<slot>' })
    .describe('Name of the VRRP instance, <pool>-<slot>.'),
  pool: poolName.describe('Name of its pool.'),
  virtualRouterId: routerId.describe('Router id.'),
  rank: z.int().min(0).max(65_535).describe("This node's place in the order of preference, 0 is first."),
  leaving: z
    .boolean()
    .optional()
    .describe(
      'True: this node is no longer one of the group and gives the addresses away as when it is drained, to whoever is fit.',
    ),
};

const peers = z
  .array(address(IP_ADDRESS, peerProblem))
  .min(1)
  .max(1024)
  .optional()
  .describe('Addresses of the other nodes, for VRRP by unicast; absent: multicast.');

const namedAfterPool: Rule<{ readonly name: string; readonly pool: string }> = {
  test: ({ name, pool }) => poolOfInstance(name) === pool,
  cel: "self.name.lastIndexOf('-') == self.pool.size() && self.name.startsWith(self.pool)",
  sentence: 'the name of an instance is <pool>-<slot>, of its own pool',
};

const addresses = z
  .array(address(IP_ADDRESS_OR_CIDR, virtualAddressProblem))
  .min(1)
  .max(1024)
  .describe('Addresses, with or without a prefix.');

/** A VRRP instance in a node's plan. */
export const plannedInstanceSchema = ruled(z.object({ ...instanceFields, addresses, peers }), namedAfterPool);

/** A VRRP instance that speaks in a multicast group of its own. */
export const plannedApartSchema = ruled(
  z.object({
    ...instanceFields,
    multicastGroup: multicastGroup.describe('Last number of the group, 224.0.0.200 or ff12::c8 for 200.'),
    addresses,
  }),
  namedAfterPool,
);

/** A VRRP instance without an address: by the time one comes it has elected a node, or it decides who has addresses on lo. */
export const plannedSpareSchema = ruled(
  z.object({
    ...instanceFields,
    like: address(IP_ADDRESS, virtualAddressProblem).describe(
      'An address as it may get: where VRRP is spoken is found by it. The node does not hold it.',
    ),
    peers,
  }),
  namedAfterPool,
);

/** Addresses that go to lo, in one entry of a plan: the file in which keepalived's supervisor is told of all has room for so many. */
export const MAX_LOOPBACK_ADDRESSES = 8192;
/** Entries of such addresses in a plan. */
export const MAX_LOOPBACK = 1024;

/** Addresses of a pool that are on lo of every node that is fit, or of so many of them. */
export const plannedLoopbackSchema = z.object({
  name: poolName.describe('Name of the pool, or of those of its addresses that have endpoints of their own.'),
  pool: poolName.describe('Name of its pool.'),
  localEndpoints: localEndpointsSchema.optional(),
  elected: z
    .boolean()
    .optional()
    .describe(
      'True: only while this node is master of one of those spares whose pool has the same name. Absent: whoever else has them.',
    ),
  addresses: z
    .array(address(IP_ADDRESS_OR_CIDR, virtualAddressProblem))
    .min(1)
    .max(MAX_LOOPBACK_ADDRESSES)
    .describe('Addresses; whatever their prefix, each is put on lo as that of a host.'),
});

/**
 * Each instance has a router id of its own, those in multicast groups of their own as well: a node's keepalived takes two of one id for one
 * when it is reloaded. See docs/adr/0078-a-multicast-group-for-services.md.
 */
export const MAX_INSTANCES = ROUTER_IDS.most;

/** Whether no two of a list have one router id. An API server reckons with the lengths of lists that are fields, and not of sums of them. */
const CEL_DISTINCT = (list: string) =>
  `[${list}.map(i, i.virtualRouterId)].all(ids, ${list}.all(i, ids.indexOf(i.virtualRouterId) == ids.lastIndexOf(i.virtualRouterId)))`;

const SAME_ROUTER_ID = 'two instances have the same router id';

function areDistinct(instances: readonly { readonly virtualRouterId: number }[]): boolean {
  return new Set(instances.map(({ virtualRouterId }) => virtualRouterId)).size === instances.length;
}

/** What the node is to do. */
export const nodePlanSpecSchema = ruled(
  z.object({
    plan: z
      .string()
      .min(1)
      .max(64)
      .describe('Identifies the plan: a digest of the rest. The status repeats it when it is carried out.'),
    pools: z.array(plannedPoolSchema).max(MAX_INSTANCES).describe('Pools that the node takes part in.'),
    instances: z.array(plannedInstanceSchema).max(MAX_INSTANCES).describe('VRRP instances that the node runs.'),
    spares: z
      .array(plannedSpareSchema)
      .max(MAX_INSTANCES)
      .optional()
      .describe(
        'VRRP instances that the node runs without an address, so that the next address need not wait for an election, or to find out which nodes have addresses on lo.',
      ),
    apart: z
      .array(plannedApartSchema)
      .max(MAX_INSTANCES)
      .optional()
      .describe('VRRP instances that the node runs in a multicast group of their own, where no other router speaks.'),
    loopback: z
      .array(plannedLoopbackSchema)
      .max(MAX_LOOPBACK)
      .optional()
      .describe('Addresses that are on lo while the node is fit to serve them, and elected where that is asked for.'),
  }),
  {
    test: ({ pools, instances, spares = [], apart = [] }) =>
      [...instances, ...spares, ...apart].every(({ pool }) => pools.some(({ name }) => name === pool)),
    cel: '[self.pools.map(p, p.name)].all(names, self.instances.all(i, i.pool in names) && (!has(self.spares) || self.spares.all(s, s.pool in names)) && (!has(self.apart) || self.apart.all(a, a.pool in names)))',
    sentence: 'an instance is of a pool that the plan does not have',
  },
  {
    test: ({ instances }) => areDistinct(instances),
    cel: CEL_DISTINCT('self.instances'),
    sentence: SAME_ROUTER_ID,
  },
  {
    test: ({ instances, spares = [] }) => areDistinct([...instances, ...spares]),
    cel: `!has(self.spares) || (${CEL_DISTINCT('self.spares')} && [self.instances.map(i, i.virtualRouterId)].all(ids, self.spares.all(s, !(s.virtualRouterId in ids))))`,
    sentence: SAME_ROUTER_ID,
  },
  {
    test: ({ instances, apart = [] }) => areDistinct([...instances, ...apart]),
    cel: `!has(self.apart) || (${CEL_DISTINCT('self.apart')} && [self.instances.map(i, i.virtualRouterId)].all(ids, self.apart.all(a, !(a.virtualRouterId in ids))))`,
    sentence: SAME_ROUTER_ID,
  },
  {
    test: ({ spares = [], apart = [] }) => areDistinct([...spares, ...apart]),
    cel: '!has(self.apart) || !has(self.spares) || [self.spares.map(s, s.virtualRouterId)].all(ids, self.apart.all(a, !(a.virtualRouterId in ids)))',
    sentence: SAME_ROUTER_ID,
  },
);

/**
 * What a node may report at most; texts in characters. A sidecar cuts before it writes, and a controller that reads a status which an older
 * definition let pass: nobody's report may be so long that it keeps others' from being summed up.
 */
export const REPORT_LIMITS = {
  version: 64,
  plan: 64,
  held: 8192,
  reason: 256,
  problems: 32,
  problem: 1024,
  addresses: 256,
} as const;

/** The longest text of an IPv6 address, and of one with a prefix. */
const ADDRESS_LENGTH = 45;
const SUBNET_LENGTH = ADDRESS_LENGTH + '/128'.length;
const POOL_LENGTH = 63;

/** What the node does. */
export const nodePlanStatusSchema = z.object({
  agentVersion: z.string().max(REPORT_LIMITS.version).optional().describe("The sidecar's version."),
  observedPlan: z.string().max(REPORT_LIMITS.plan).optional().describe('The plan that keepalived runs.'),
  held: z
    .array(
      z.object({
        address: z.string().max(ADDRESS_LENGTH).describe('The address, without a prefix.'),
        since: z.iso.datetime({ offset: true }).max(40).describe('Since when it is on an interface of the node.'),
      }),
    )
    .max(REPORT_LIMITS.held)
    .optional()
    .describe('Virtual addresses that are on an interface of the node.'),
  // For kubectl, whose columns cannot count.
  heldCount: z.int().min(0).optional().describe('How many these are.'),
  health: z
    .array(
      z.object({
        pool: z.string().max(POOL_LENGTH).describe('Name of the pool.'),
        band: z.int().min(0).max(WORST_BAND).describe(`${BAND_LEGEND}.`),
        reason: z.string().max(REPORT_LIMITS.reason).describe('The same in words.'),
      }),
    )
    .max(MAX_INSTANCES)
    .optional()
    .describe('How fit the node is, by pool.'),
  foreignRouterIds: z
    .array(routerId)
    .max(ROUTER_IDS.most)
    .optional()
    .describe('Router ids of VRRP instances that routers other than the plan’s nodes use on the same network, too.'),
  bgpFamilies: z
    .array(z.enum(IP_FAMILIES))
    .max(IP_FAMILIES.length)
    .optional()
    .describe(
      'Families of which the node has a BGP session with a router, so that addresses on its lo are announced. Absent: the release does not announce.',
    ),
  problems: z
    .array(z.string().max(REPORT_LIMITS.problem))
    .max(REPORT_LIMITS.problems)
    .optional()
    .describe('What keeps the node from carrying out the plan, in sentences.'),
  addresses: z
    .array(z.string().max(SUBNET_LENGTH))
    .max(REPORT_LIMITS.addresses)
    .optional()
    .describe(
      "The node's own addresses with their prefixes, sorted: those on its interfaces that no plan and no settings ask for. None of them can be a virtual address.",
    ),
});

export type NodePlanSpec = z.infer<typeof nodePlanSpecSchema>;
export type PlannedPool = z.infer<typeof plannedPoolSchema>;
export type PlannedLoopback = z.infer<typeof plannedLoopbackSchema>;
export type PlannedInstance = z.infer<typeof plannedInstanceSchema>;
export type PlannedSpare = z.infer<typeof plannedSpareSchema>;
export type PlannedApart = z.infer<typeof plannedApartSchema>;
export type NodePlanStatus = z.infer<typeof nodePlanStatusSchema>;
export type { HealthCheck };

export type NodePlan = ServedObject<NodePlanSpec, NodePlanStatus>;

/** An instance with addresses, wherever it speaks. */
export type HoldingInstance = PlannedInstance & Partial<Pick<PlannedApart, 'multicastGroup'>>;

/** The instances of a plan that have addresses. Pure. */
export function holdingInstances({
  instances,
  apart = [],
}: Pick<NodePlanSpec, 'instances' | 'apart'>): HoldingInstance[] {
  return [...instances, ...apart];
}
