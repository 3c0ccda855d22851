import type { Clock } from '../../../common/clock.ts';
import type { Decision, PlannedCluster, Stage } from '../stage.ts';
import type { Backlog } from './backlog.ts';

/** So much of what is only told is written in one run: a Service that is made meanwhile gets its turn after it. */
const TOLD_AT_ONCE = 200;

/**
 * A stage that only tells what there is: it decides nothing while many Services get their addresses. The API server has so many writes a
 * second, and of these a Service that waits needs three.
 */
export class Unhurried implements Stage {
  readonly name: string;
  readonly #stage: Stage;
  readonly #dependencies: { readonly backlog: Pick<Backlog, 'untilMs'>; readonly clock: Clock };

  constructor(stage: Stage, dependencies: { readonly backlog: Pick<Backlog, 'untilMs'>; readonly clock: Clock }) {
    this.name = stage.name;
    this.#stage = stage;
    this.#dependencies = dependencies;
  }

  decide(cluster: PlannedCluster): Decision {
    const { backlog, clock } = this.#dependencies;
    const { untilMs } = backlog;
    if (untilMs !== undefined) return { writes: [], reviewAtMs: untilMs };
    const { writes, reviewAtMs } = this.#stage.decide(cluster);
    if (writes.length <= TOLD_AT_ONCE) return { writes, reviewAtMs };
    return { writes: writes.slice(0, TOLD_AT_ONCE), reviewAtMs: clock.monotonicMs() };
  }
}
