import type { NodePlan } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';

/** What the controller knows of the cluster. */
export interface ClusterState {
  readonly pools: readonly VirtualIpPool[];
  readonly plans: readonly NodePlan[];
  readonly nodes: readonly NodeFacts[];
  /** Names of the nodes that count as having a sidecar. */
  readonly sidecars: ReadonlySet<string>;
}

/** The same, with NodePlans as they are stored. */
export type StoredState = ClusterState & { readonly plans: readonly StoredNodePlan[] };
