import type { Clock } from '../../../common/clock.ts';

/** Services that are written for within such a time are many when they are so many: one that comes alone waits for nothing. */
const MANY = 20;
const WINDOW_MS = 500;
/** So long what can wait does: where Services cannot be written at all, it must not wait for ever. */
const PATIENCE_MS = 60_000;
/**
 * While many Services get their addresses, nodes get a new plan this often: each is written for every node, has every keepalived reload, and
 * is the work of the processors that the API server needs.
 */
const PLAN_INTERVAL_MS = 500;

/** Whether many Services get their addresses at the moment, and what has to wait for that. */
export class Backlog {
  readonly #clock: Clock;
  /** By time: for how many Services runs wrote. */
  #runs: readonly { readonly atMs: number; readonly services: number }[] = [];
  #sinceMs: number | undefined;
  #plannedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param services for how many Services a run has something to write */
  note(services: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#runs = [...this.#recent(nowMs), { atMs: nowMs, services }];
    if (!this.areMany) this.#sinceMs = undefined;
    else this.#sinceMs ??= nowMs;
  }

  /** A plan is made. */
  notePlan(): void {
    this.#plannedMs = this.#clock.monotonicMs();
  }

  /** Whether many Services get their addresses at the moment. */
  get areMany(): boolean {
    return this.#recent(this.#clock.monotonicMs()).reduce((sum, { services }) => sum + services, 0) >= MANY;
  }

  /** Until when what nobody waits for is to be left for later, by the monotonic clock; undefined: it need not wait. */
  get untilMs(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (this.#sinceMs === undefined || nowMs - this.#sinceMs >= PATIENCE_MS || !this.areMany) return undefined;
    const [last] = this.#recent(nowMs).slice(-1);
    return (last?.atMs ?? nowMs) + WINDOW_MS;
  }

  /** From when on the next plan may be made; undefined: at once. A plan never waits longer than that, so this has no end of its own. */
  get planAtMs(): number | undefined {
    const atMs = this.#plannedMs + PLAN_INTERVAL_MS;
    return this.areMany && atMs > this.#clock.monotonicMs() ? atMs : undefined;
  }

  #recent(nowMs: number) {
    return this.#runs.filter(({ atMs, services }) => services > 0 && nowMs - atMs < WINDOW_MS);
  }
}
