import type { NodePlanStatus } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { Move } from '../events/moves.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import type { ClusterState } from './cluster-state.ts';
import { NO_SERVICES, type ServicesView } from './services/service-view.ts';

/** A move, and when it was seen. */
export interface SeenMove extends Move {
  readonly at: string;
}

/** A pool, as pages and metrics show it. */
export interface PoolSummary {
  readonly name: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly addressCount: number;
  readonly heldCount: number;
  readonly eligibleNodes: number;
  /** What Services have of it; null: it gives them none. */
  readonly services: { readonly allocated: number; readonly retained: number; readonly free: number } | null;
}

/** An address, as pages show it. */
export interface AddressSummary {
  readonly pool: string;
  readonly address: string;
  readonly plannedNode: string | null;
  readonly holders: readonly string[];
  /** How many nodes have it, where every fit node is to; absent: one is to. */
  readonly holderCount?: number;
  readonly since: string | null;
}

/** A node, as pages and metrics show it. */
export interface NodeSummary {
  readonly name: string;
  readonly ready: boolean;
  readonly cordoned: boolean;
  readonly agent: boolean;
  readonly agentVersion: string | null;
  readonly plan: string | null;
  readonly observedPlan: string | null;
  readonly health: readonly { readonly pool: string; readonly band: number; readonly reason: string }[];
  readonly problems: readonly string[];
}

/** The cluster, as far as pools are concerned. Every replica has it, whether it leads or not. */
export interface ClusterView {
  readonly pools: readonly PoolSummary[];
  readonly addresses: readonly AddressSummary[];
  readonly nodes: readonly NodeSummary[];
  readonly services: ServicesView;
  /** Newest first. */
  readonly moves: readonly SeenMove[];
}

/** What a page shows before anything is known. */
export const EMPTY_VIEW: ClusterView = { pools: [], addresses: [], nodes: [], services: NO_SERVICES, moves: [] };

function withoutCapacity({ allocated, retained, free }: NonNullable<PoolSummary['services']>) {
  return { allocated, retained, free };
}

function poolSummary({ metadata, status }: VirtualIpPool): PoolSummary {
  const { conditions = [], addressCount = 0, heldCount = 0, eligibleNodes = 0, services } = status ?? {};
  return {
    name: metadata.name,
    conditions: conditions.map(({ type, status: value, reason, message }) => ({
      type,
      status: value,
      reason,
      message,
    })),
    addressCount,
    heldCount,
    eligibleNodes,
    services: services === undefined ? null : withoutCapacity(services),
  };
}

function addressSummaries({ metadata, status }: VirtualIpPool): AddressSummary[] {
  return (status?.addresses ?? []).map(({ address, plannedNode = null, holders, holderCount, since = null }) => {
    const counted = holderCount === undefined ? {} : { holderCount };
    return { pool: metadata.name, address, plannedNode, holders, since, ...counted };
  });
}

/** Of pools that the node takes no part in, it has nothing to say. */
function ownHealth(plan: StoredNodePlan | undefined): NonNullable<NodePlanStatus['health']> {
  const pools = new Set(plan?.spec.pools.map(({ name }) => name));
  return (plan?.status?.health ?? []).filter(({ pool }) => pools.has(pool));
}

function statusSummary(plan: StoredNodePlan | undefined) {
  const status = plan?.status;
  return {
    agentVersion: status?.agentVersion ?? null,
    observedPlan: status?.observedPlan ?? null,
    health: ownHealth(plan),
    problems: status?.problems ?? [],
  };
}

function nodeSummary(
  { metadata: { name }, ready, unschedulable }: NodeFacts,
  plan: StoredNodePlan | undefined,
  sidecars: ReadonlySet<string>,
): NodeSummary {
  const own = { name, ready, cordoned: unschedulable, agent: sidecars.has(name), plan: plan?.spec.plan ?? null };
  return { ...own, ...statusSummary(plan) };
}

/** Puts together what pages and metrics show. Nodes that have neither a sidecar nor a plan are left out. */
export function clusterView(
  { pools, plans, nodes, sidecars }: ClusterState,
  services: ServicesView,
  moves: readonly SeenMove[],
): ClusterView {
  const known = new Map(plans.map((plan) => [plan.metadata.name, plan]));
  const shown = nodes.filter(({ metadata: { name } }) => sidecars.has(name) || known.has(name));
  return {
    pools: pools.map(poolSummary),
    addresses: pools.flatMap(addressSummaries),
    nodes: shown.map((node) => nodeSummary(node, known.get(node.metadata.name), sidecars)),
    services,
    moves,
  };
}
