import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { Clock } from '../../common/clock.ts';
import type { EventRecorder } from '../events/recorder.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import { type IngressDependencies, IngressStage } from './ingress-stage.ts';
import { NodePlanRemovalStage } from './node-plan-removal-stage.ts';
import { NodePlanStage } from './node-plan-stage.ts';
import { PoolStatusStage } from './pool-status-stage.ts';
import type { Stage } from './stage.ts';

/** The caches of what is written; they take the API server's answers, which are newer than the watch for a moment. */
export interface WrittenCaches {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly plans: ResourceCache<StoredNodePlan>;
}

interface StageDependencies {
  readonly caches: WrittenCaches;
  readonly writer: ClusterWriter;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  /** Undefined: there is no ingress of the control plane to look after. */
  readonly ingress?: IngressDependencies | undefined;
}

/**
 * All that is written: first the pools' status, which is the plan's memory, then what the nodes are to do. The pool of the control plane's
 * ingress is planned for in the next run.
 */
export function writeStages({ caches, writer, clock, recorder, ingress }: StageDependencies): readonly Stage[] {
  return [
    new PoolStatusStage({ cache: caches.pools, writer, clock }),
    new NodePlanStage({ cache: caches.plans, writer }),
    new NodePlanRemovalStage({ cache: caches.plans, writer }),
    ...(ingress === undefined ? [] : [new IngressStage({ ...ingress, pools: caches.pools, writer, clock, recorder })]),
  ];
}
