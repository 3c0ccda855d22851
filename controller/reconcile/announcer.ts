import type { Clock } from '../../common/clock.ts';
import { serviceFaults } from '../events/local-services.ts';
import { type Move, serviceMoveEvents } from '../events/moves.ts';
import { type Observed, observe } from '../events/observe.ts';
import type { EventRecorder } from '../events/recorder.ts';
import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import type { Plan } from '../plan/types.ts';
import type { ObservedCluster } from './cluster-observer.ts';
import type { SeenMove } from './cluster-view.ts';
import { poolViews } from './pool-views.ts';

interface AnnouncerDependencies {
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly reports: { readonly moved: (move: Move) => void };
}

const MOVES_KEPT = 50;

/** Tells what happens to pools: by Events while this replica leads, and as a list of moves in any case. */
export class Announcer {
  readonly #dependencies: AnnouncerDependencies;
  #observed: Observed | undefined;
  #moves: readonly SeenMove[] = [];
  /** What was wrong with Services and announced; announced again only after it had gone. */
  #serviceFaults: ReadonlySet<string> = new Set();

  constructor(dependencies: AnnouncerDependencies) {
    this.#dependencies = dependencies;
  }

  /** The latest moves, newest first. */
  get moves(): readonly SeenMove[] {
    return this.#moves;
  }

  /**
   * Compares what is with what was.
   * @param plan undefined: this replica makes none
   * @returns when to run again by time alone; undefined: never
   */
  announce({ state, holders, nowMs }: ObservedCluster, plan: Plan | undefined, leading: boolean): number | undefined {
    const { clock, recorder, reports } = this.#dependencies;
    const found = observe(poolViews(state, plan, holders), this.#observed, nowMs);
    this.#observed = found.observed;
    for (const move of found.moves) reports.moved(move);
    const at = new Date(clock.wallMs()).toISOString();
    this.#moves = [...found.moves.map((move) => ({ ...move, at })), ...this.#moves].slice(0, MOVES_KEPT);
    // Not waited for: Events are news, and the plan must not be late for them.
    const ofServices = [...serviceMoveEvents(found.moves, state.claims), ...this.#newFaults(state, plan)];
    if (leading) void recorder.record([...found.events, ...ofServices]);
    return found.reviewAtMs;
  }

  #newFaults(state: Pick<ObservedCluster['state'], 'claims' | 'local'>, plan: Plan | undefined): ClusterEvent[] {
    const faults = serviceFaults(plan, state);
    const news = [...faults].filter(([key]) => !this.#serviceFaults.has(key)).map(([, event]) => event);
    this.#serviceFaults = new Set(faults.keys());
    return news;
  }
}
