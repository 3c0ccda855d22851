import { isDeepStrictEqual } from 'node:util';
import { type BulkheadPolicy, bulkhead } from 'cockatiel';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { VirtualIpPool, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import type { Clock } from '../../common/clock.ts';
import type { Term } from '../election/leader-elector.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import { nodePlanSpec } from '../plan/node-plans.ts';
import type { Plan } from '../plan/types.ts';
import type { Claim } from './holders.ts';
import { type NodePlanWrite, nodePlanWrites } from './node-plan-writes.ts';
import type { ClusterState } from './plan-input.ts';
import { type PlannedNode, poolStatus } from './pool-status.ts';
import { Written } from './written.ts';

/** The caches of what is written; they take the API server's answers, which are newer than the watch for a moment. */
export interface WrittenCaches {
  readonly pools: ResourceCache<VirtualIpPool>;
  readonly plans: ResourceCache<StoredNodePlan>;
}

/** A kind of write, as metrics name it. */
export type WriteKind = 'pool_status' | 'node_plan' | 'node_plan_removal';

/** Takes note of writes. */
export interface WriteReports {
  wrote(kind: WriteKind, name: string): void;
  writeFailed(kind: WriteKind, name: string, error: unknown): void;
}

interface PlanWriterDependencies {
  readonly caches: WrittenCaches;
  readonly writer: ClusterWriter;
  readonly clock: Clock;
  readonly reports: WriteReports;
}

/** What is to be written. */
export interface PlanToWrite {
  readonly plan: Plan;
  readonly term: Term;
  readonly state: ClusterState & { readonly plans: readonly StoredNodePlan[] };
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
}

/** Some objects could not be written; each was reported for itself. */
export class WriteError extends Error {
  readonly code = 'WRITES_FAILED';

  constructor(names: readonly string[]) {
    super(`not written: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`);
    this.name = 'WriteError';
  }
}

/** A pool's status is written four times a second at most, unless the plan's memory changes. */
const STATUS_INTERVAL_MS = 250;
const WRITES_AT_ONCE = 20;

interface StatusWrite {
  readonly pool: VirtualIpPool;
  readonly status: VirtualIpPoolStatus;
}

type PlanWish = Omit<NodePlanWrite, 'name'>;

/** Makes the stored objects those of a plan; writes only what differs. */
export class PlanWriter {
  readonly #dependencies: PlanWriterDependencies;
  readonly #limit: BulkheadPolicy = bulkhead(WRITES_AT_ONCE, Number.POSITIVE_INFINITY);
  readonly #statuses = new Written<VirtualIpPoolStatus>();
  readonly #plans = new Written<PlanWish>();
  readonly #statusAtMs = new Map<string, number>();

  constructor(dependencies: PlanWriterDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Writes a plan: first the pools' status, which is the plan's memory, then what the nodes are to do.
   * @returns when a status that was written a moment ago may be written again, by the monotonic clock; undefined: none waits
   * @throws {WriteError} when something could not be written. A term that ended is no error: the next leader goes on
   */
  async write(toWrite: PlanToWrite): Promise<number | undefined> {
    const { plan, term, state } = toWrite;
    const specs = new Map([...plan.nodes].map(([name, content]) => [name, nodePlanSpec(content)]));
    const { due, waitUntilMs } = this.#dueStatuses(toWrite, specs);
    await this.#all(due, (write) => this.#writeStatus(write, term));
    const { apply, remove } = nodePlanWrites(specs, state.plans, state.pools);
    await this.#all(apply, (write) => this.#writePlan(write, term));
    await this.#all(remove, (name) => this.#removePlan(name, term));
    return waitUntilMs;
  }

  /** Does something with many things, so many at a time; goes on with the others where one fails. */
  async #all<T>(things: readonly T[], act: (thing: T) => Promise<string | undefined>): Promise<void> {
    const results = await Promise.all(things.map((thing) => this.#limit.execute(() => act(thing))));
    const failed = results.filter((failure) => failure !== undefined);
    if (failed.length > 0) throw new WriteError(failed);
  }

  #dueStatuses({ plan, state, holders }: PlanToWrite, specs: ReadonlyMap<string, NodePlanSpec>) {
    const now = new Date(this.#dependencies.clock.wallMs()).toISOString();
    const reports = new Map(state.plans.map(({ metadata, status }) => [metadata.name, status]));
    const nodesOf = (pool: string): PlannedNode[] =>
      [...specs]
        .filter(([, spec]) => spec.pools.some(({ name }) => name === pool))
        .map(([name, spec]) => ({ name, plan: spec.plan, status: reports.get(name) }));
    const due: StatusWrite[] = [];
    let waitUntilMs: number | undefined;
    for (const pool of state.pools) {
      const { name } = pool.metadata;
      const poolPlan = plan.pools.get(name);
      if (poolPlan === undefined) continue;
      const write = { pool, status: poolStatus({ pool, plan: poolPlan, nodes: nodesOf(name), holders, now }) };
      const atMs = this.#dueAtMs(write);
      if (atMs <= this.#dependencies.clock.monotonicMs()) due.push(write);
      else if (Number.isFinite(atMs)) waitUntilMs = Math.min(waitUntilMs ?? atMs, atMs);
    }
    this.#forgetGone(state.pools);
    return { due, waitUntilMs };
  }

  /** When a status may be written; Infinity: it need not be. */
  #dueAtMs({ pool, status }: StatusWrite): number {
    if (isDeepStrictEqual(pool.status, status) || this.#statuses.made(status, pool)) return Number.POSITIVE_INFINITY;
    if (!isDeepStrictEqual(pool.status?.groups, status.groups)) return 0;
    return (this.#statusAtMs.get(pool.metadata.name) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL_MS;
  }

  #forgetGone(pools: readonly VirtualIpPool[]): void {
    const names = new Set(pools.map(({ metadata }) => metadata.name));
    for (const name of this.#statusAtMs.keys()) {
      if (names.has(name)) continue;
      this.#statusAtMs.delete(name);
      this.#statuses.forget(name);
    }
  }

  async #writeStatus({ pool, status }: StatusWrite, term: Term): Promise<string | undefined> {
    const { writer, caches, clock } = this.#dependencies;
    const { name } = pool.metadata;
    return this.#attempt('pool_status', name, term, async () => {
      this.#statusAtMs.set(name, clock.monotonicMs());
      const stored = await writer.applyPoolStatus(pool, status);
      if (stored === undefined) return;
      this.#statuses.note(status, stored);
      caches.pools.put(stored);
    });
  }

  async #writePlan({ name, ...wish }: NodePlanWrite, term: Term): Promise<string | undefined> {
    const { writer, caches } = this.#dependencies;
    if (this.#plans.made(wish, caches.plans.get(name))) return undefined;
    return this.#attempt('node_plan', name, term, async () => {
      const stored = await writer.applyNodePlan(name, wish.spec, wish.owners);
      this.#plans.note(wish, stored);
      caches.plans.put(stored);
    });
  }

  async #removePlan(name: string, term: Term): Promise<string | undefined> {
    const { writer, caches } = this.#dependencies;
    return this.#attempt('node_plan_removal', name, term, async () => {
      await writer.deleteNodePlan(name);
      this.#plans.forget(name);
      caches.plans.remove({ metadata: { name } });
    });
  }

  /** Writes while the term lasts. @returns what failed, for the sum of it */
  async #attempt(kind: WriteKind, name: string, term: Term, write: () => Promise<void>): Promise<string | undefined> {
    const { reports } = this.#dependencies;
    if (!term.holds()) return undefined;
    try {
      await write();
      reports.wrote(kind, name);
      return undefined;
    } catch (error) {
      reports.writeFailed(kind, name, error);
      return `${kind} ${name}`;
    }
  }
}
