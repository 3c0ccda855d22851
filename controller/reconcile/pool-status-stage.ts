import { isDeepStrictEqual } from 'node:util';
import type { VirtualIpPool, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import type { Clock } from '../../common/clock.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import { type PlannedNode, poolStatus } from './pool-status.ts';
import { servedServicesOf } from './services/served-services.ts';
import type { Reserved } from './services/unavailable.ts';
import type { Decision, PendingWrite, PlannedCluster, Stage } from './stage.ts';
import { Written } from './written.ts';

interface PoolStatusStageDependencies {
  readonly cache: ResourceCache<VirtualIpPool>;
  readonly writer: Pick<ClusterWriter, 'applyPoolStatus'>;
  readonly clock: Clock;
  readonly reserved: Reserved;
}

/** A pool's status is written four times a second at most, unless the plan's memory changes. */
const STATUS_INTERVAL_MS = 250;

interface DesiredStatus {
  readonly pool: VirtualIpPool;
  readonly status: VirtualIpPoolStatus;
}

/** For a pool: the nodes whose plan has one of its instances, and what they say. */
function nodesBy({ specs, state }: PlannedCluster): (pool: string) => PlannedNode[] {
  const reports = new Map(state.plans.map(({ metadata, status }) => [metadata.name, status]));
  return (pool) =>
    [...specs]
      .filter(([, spec]) => spec.pools.some(({ name, ofPool }) => (ofPool ?? name) === pool))
      .map(([name, spec]) => ({ name, plan: spec.plan, status: reports.get(name) }));
}

function desiredStatuses(cluster: PlannedCluster, reserved: Reserved, now: string): DesiredStatus[] {
  const { plan, state, holders } = cluster;
  const nodesOf = nodesBy(cluster);
  const placedApart = [...plan.demands.values()].filter((demand) => demand.pool !== demand.name);
  const apart = Map.groupBy(placedApart, (demand) => demand.pool);
  const servedServices = servedServicesOf(state, reserved);
  return state.pools.flatMap((pool) => {
    const { name } = pool.metadata;
    const poolPlan = plan.demands.get(name);
    if (poolPlan === undefined) return [];
    const services = servedServices(pool);
    const parts = apart.get(name) ?? [];
    return [
      { pool, status: poolStatus({ pool, plan: poolPlan, parts, services, nodes: nodesOf(name), holders, now }) },
    ];
  });
}

/** Writes the status of every pool: the plan's memory, and what the nodes report. */
export class PoolStatusStage implements Stage {
  readonly name = 'pool_status';
  readonly #dependencies: PoolStatusStageDependencies;
  readonly #written = new Written<VirtualIpPoolStatus>();
  /** By pool: when it was written last. */
  readonly #writtenMs = new Map<string, number>();

  constructor(dependencies: PoolStatusStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide(cluster: PlannedCluster): Decision {
    this.#forgetGone(cluster.state.pools);
    const { clock, reserved } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const desired = desiredStatuses(cluster, reserved, new Date(clock.wallMs()).toISOString());
    const dated = desired.map((each) => ({ ...each, dueMs: this.#dueMs(each) }));
    const later = dated.map(({ dueMs }) => dueMs).filter((dueMs) => dueMs > nowMs && Number.isFinite(dueMs));
    return {
      writes: dated.filter(({ dueMs }) => dueMs <= nowMs).map((each) => this.#pending(each)),
      reviewAtMs: later.length === 0 ? undefined : Math.min(...later),
    };
  }

  /** When a status may be written; Infinity: it need not be. */
  #dueMs({ pool, status }: DesiredStatus): number {
    if (isDeepStrictEqual(pool.status, status) || this.#written.made(status, pool)) return Number.POSITIVE_INFINITY;
    if (!isDeepStrictEqual(pool.status?.groups, status.groups)) return 0;
    return (this.#writtenMs.get(pool.metadata.name) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL_MS;
  }

  #pending({ pool, status }: DesiredStatus): PendingWrite {
    const { writer, cache, clock } = this.#dependencies;
    const { name } = pool.metadata;
    return {
      name,
      write: async () => {
        this.#writtenMs.set(name, clock.monotonicMs());
        const stored = await writer.applyPoolStatus(pool, status);
        if (stored === undefined) return;
        this.#written.note(status, stored);
        cache.put(stored);
      },
    };
  }

  #forgetGone(pools: readonly VirtualIpPool[]): void {
    const names = new Set(pools.map(({ metadata }) => metadata.name));
    this.#written.keepOnly(names);
    for (const name of this.#writtenMs.keys()) if (!names.has(name)) this.#writtenMs.delete(name);
  }
}
