import type { Clock } from '../../common/clock.ts';

/**
 * Reconnections that need not wait. A killed server ends several connections before its port refuses: its workers die one after the
 * other, and while the last process lives a new connection is still taken into the backlog, to be reset with it.
 */
const QUICK_RECONNECTIONS = 5;

/** Pause before a refused connection is tried again, and before the first quick reconnection; each further one takes twice as long. */
export const QUICK_PAUSE_MS = 1;

/** A longer pause than this is no quick one. */
export const LONGEST_QUICK_PAUSE_MS = QUICK_PAUSE_MS * 2 ** (QUICK_RECONNECTIONS - 1);

/** A connection that was held at least this long costs no quick reconnection: one connection every half second is no burden. */
const STEADY_MS = 500;

interface PaceDependencies {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * How soon a lost connection is made again. A token bucket: some quick reconnections, one more for each interval that passes, slow ones
 * when there is none.
 */
export class ReconnectionPace {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  #quick = QUICK_RECONNECTIONS;
  #refilledAtMs = 0;

  /** @param options the slowest that connections are made */
  constructor({ intervalSeconds }: { readonly intervalSeconds: number }, { clock, random }: PaceDependencies) {
    this.#intervalMs = intervalSeconds * 1000;
    this.#clock = clock;
    this.#random = random;
  }

  /** Begins with all quick reconnections. */
  start(): void {
    this.#quick = QUICK_RECONNECTIONS;
    this.#refilledAtMs = this.#clock.monotonicMs();
  }

  /**
   * The pause after a connection was lost, in milliseconds.
   * @param connectedAtMs when it had been made, on the monotonic clock
   */
  pauseAfterLoss(connectedAtMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#quick = Math.min(QUICK_RECONNECTIONS, this.#quick + (nowMs - this.#refilledAtMs) / this.#intervalMs);
    this.#refilledAtMs = nowMs;
    if (nowMs - connectedAtMs >= STEADY_MS) return 0;
    if (this.#quick < 1) return this.slowPause();
    const pauseMs = QUICK_PAUSE_MS * 2 ** (QUICK_RECONNECTIONS - Math.floor(this.#quick));
    this.#quick -= 1;
    return pauseMs;
  }

  /** An interval in milliseconds, or up to a quarter less, so that the connections of many nodes don't come together. */
  slowPause(): number {
    return this.#intervalMs * (1 - 0.25 * this.#random());
  }
}
