import type { Clock } from '../../common/clock.ts';
import type { Move } from '../events/moves.ts';
import { type Observed, observe } from '../events/observe.ts';
import type { EventRecorder } from '../events/recorder.ts';
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
    if (leading) void recorder.record(found.events);
    return found.reviewAtMs;
  }
}
