import type { NodePlan } from '../../api/node-plan.ts';
import type { ServiceAddress } from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import type { ClaimedAddresses } from './services/claimed-addresses.ts';
import type { LocalAddresses } from './services/local-addresses.ts';

/** What the controller knows of the cluster. */
export interface ClusterState {
  readonly pools: readonly VirtualIpPool[];
  readonly plans: readonly NodePlan[];
  readonly nodes: readonly NodeFacts[];
  /** Names of the nodes that count as having a sidecar. */
  readonly sidecars: ReadonlySet<string>;
  /** Whether Services get addresses, and all that is needed for that is known. */
  readonly serving: 'off' | 'unknown' | 'known';
  /** On addresses for Services; none unless they are known. */
  readonly claims: readonly ServiceAddress[];
  /** What of each pool Services have. */
  readonly claimed: ClaimedAddresses;
  /** What of that is where endpoints are. */
  readonly local: LocalAddresses;
}

/** The same, with NodePlans as they are stored. */
export type StoredState = ClusterState & { readonly plans: readonly StoredNodePlan[] };
