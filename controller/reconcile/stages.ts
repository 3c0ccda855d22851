import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { Clock } from '../../common/clock.ts';
import type { EventRecorder } from '../events/recorder.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { ServiceWriter } from '../kubernetes/service-api.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import { type IngressDependencies, IngressStage } from './ingress-stage.ts';
import { NodePlanRemovalStage } from './node-plan-removal-stage.ts';
import { NodePlanStage } from './node-plan-stage.ts';
import { PoolStatusStage } from './pool-status-stage.ts';
import type { Backlog } from './services/backlog.ts';
import { PoolFinalizerStage } from './services/pool-finalizer-stage.ts';
import { ServiceAddressStatusStage } from './services/service-address-status-stage.ts';
import type { FollowedServices } from './services/service-cluster.ts';
import { ServiceHeldStage } from './services/service-held-stage.ts';
import type { Reserved } from './services/unavailable.ts';
import { Unhurried } from './services/unhurried.ts';
import { WhenComplete } from './services/when-complete.ts';
import type { Stage } from './stage.ts';
import type { YoungerFields } from './younger-fields.ts';

/** The caches of what is written; they take the API server's answers, which are newer than the watch for a moment. */
export interface WrittenCaches {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly plans: ResourceCache<StoredNodePlan>;
}

interface StageDependencies {
  readonly caches: WrittenCaches;
  readonly writer: ClusterWriter;
  readonly clock: Clock;
  readonly fields: YoungerFields;
  /** Of Services that wait for their addresses. */
  readonly backlog: Backlog;
  readonly recorder: EventRecorder;
  /** What nobody may have besides. */
  readonly reserved: Reserved;
  /** Undefined: there is no ingress of the control plane to look after. */
  readonly ingress?: IngressDependencies | undefined;
  /** Undefined: Services get no addresses. */
  readonly services?: ServiceDependencies | undefined;
}

/** What is needed besides where Services get addresses. */
export interface ServiceDependencies extends FollowedServices {
  readonly writer: ServiceWriter;
}

/** What is written by the plan for Services. Claims are known whole here. */
function serviceStages({ caches, clock, backlog, services }: StageDependencies): readonly Stage[] {
  if (services === undefined) return [];
  const { writer, caches: followed } = services;
  const unhurried = (stage: Stage) => new Unhurried(stage, { backlog, clock });
  return [
    unhurried(new ServiceAddressStatusStage({ claims: followed.claims, writer, clock })),
    new PoolFinalizerStage({ pools: caches.pools, claims: followed.claims, writer }),
    unhurried(new ServiceHeldStage({ caches: followed, writer, clock })),
  ].map((stage) => new WhenComplete(stage, services));
}

/**
 * All that is written: first the pools' status, which is the plan's memory, then what the nodes are to do. The pool of the control plane's
 * ingress is planned for in the next run.
 */
export function writeStages(dependencies: StageDependencies): readonly Stage[] {
  const { caches, writer, clock, fields, recorder, reserved, ingress } = dependencies;
  return [
    new PoolStatusStage({ cache: caches.pools, writer, clock, reserved }),
    new NodePlanStage({ cache: caches.plans, writer, fields }),
    new NodePlanRemovalStage({ cache: caches.plans, writer, awaitsReports: dependencies.services !== undefined }),
    ...(ingress === undefined ? [] : [new IngressStage({ ...ingress, pools: caches.pools, writer, clock, recorder })]),
    ...serviceStages(dependencies),
  ];
}
