import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { Plan } from '../plan/types.ts';
import type { StoredState } from './cluster-state.ts';
import type { Claim } from './holders.ts';

/** What there is, and what is planned: all that decides what is to be written. */
export interface PlannedCluster {
  readonly plan: Plan;
  /** What each node is to do, by its name. */
  readonly specs: ReadonlyMap<string, NodePlanSpec>;
  readonly state: StoredState;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
}

/** One object that is to be written, or removed. */
export interface PendingWrite {
  /** The object's name. */
  readonly name: string;
  /** Does it, and takes the API server's answer into the cache. Rejects when it is refused. */
  readonly write: () => Promise<void>;
}

/** What a stage found to do. */
export interface Decision {
  readonly writes: readonly PendingWrite[];
  /** When more is due by time alone, by the monotonic clock; absent: never. */
  readonly reviewAtMs?: number | undefined;
}

/** A kind of object that is written, by what is seen of the cluster. What it writes is there before the next stage decides. */
export interface Stage<Seen = PlannedCluster> {
  /** As metrics and errors name it, e.g. `pool_status`. */
  readonly name: string;
  /** Finds what is to be written; writes nothing itself. */
  decide(cluster: Seen): Decision;
}
