import { z } from 'zod';
import { type HealthCheck, virtualIpPoolSpecSchema } from './virtual-ip-pool.ts';

/*
 * NodePlan: what one node is to do for all pools. Cluster-scoped, named as the node, written by the controller; its status by that node's
 * agent. An agent carries out the last plan it got, with or without the API.
 */

const plannedPoolSchema = z.object({
  name: z.string().describe('Name of the pool.'),
  interface: z.string().describe('Interface for its addresses, by name or MAC address; empty: found by subnet.'),
  failbackDelaySeconds: z
    .number()
    .min(0)
    .nullable()
    .meta({ nullable: true })
    .describe('Null: addresses stay where they are.'),
  healthCheck: virtualIpPoolSpecSchema.shape.healthCheck,
});

const plannedInstanceSchema = z.object({
  name: z.string().max(63).describe('Name of the VRRP instance, <pool>-<slot>.'),
  pool: z.string().describe('Name of its pool.'),
  virtualRouterId: z.int().min(1).max(255).describe('Router id.'),
  rank: z.int().min(0).describe("This node's place in the order of preference, 0 is first."),
  leaving: z
    .boolean()
    .optional()
    .describe(
      'True: this node is no longer one of the group and gives the addresses away as when it is drained, to whoever is fit.',
    ),
  addresses: z.array(z.string()).min(1).describe('Addresses, with or without a prefix.'),
  peers: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Addresses of the other nodes, for VRRP by unicast; absent: multicast.'),
});

/** Each instance has a router id of its own. */
const MAX_INSTANCES = 255;

/** What the node is to do. */
export const nodePlanSpecSchema = z.object({
  plan: z.string().describe('Identifies the plan: a digest of the rest. The status repeats it when it is carried out.'),
  pools: z.array(plannedPoolSchema).max(MAX_INSTANCES).describe('Pools that the node takes part in.'),
  instances: z.array(plannedInstanceSchema).max(MAX_INSTANCES).describe('VRRP instances that the node runs.'),
});

/**
 * What a node may report at most; texts in characters. An agent cuts before it writes, and a controller that reads a status which an older
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
  agentVersion: z.string().max(REPORT_LIMITS.version).optional().describe("The agent's version."),
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
        band: z
          .int()
          .min(0)
          .max(5)
          .describe(
            '0 healthy, 1 no Kubernetes API, 2 kubelet failed, 3 draining, 4 cannot carry all addresses, 5 service failed.',
          ),
        reason: z.string().max(REPORT_LIMITS.reason).describe('The same in words.'),
      }),
    )
    .max(MAX_INSTANCES)
    .optional()
    .describe('How fit the node is, by pool.'),
  foreignRouterIds: z
    .array(z.int().min(1).max(255))
    .max(255)
    .optional()
    .describe('Router ids of VRRP instances that routers other than the plan’s nodes use on the same network, too.'),
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
export type PlannedInstance = z.infer<typeof plannedInstanceSchema>;
export type NodePlanStatus = z.infer<typeof nodePlanStatusSchema>;
export type { HealthCheck };

/** The object as the API server serves it. */
export interface NodePlan {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
  };
  readonly spec: NodePlanSpec;
  readonly status?: NodePlanStatus;
}
