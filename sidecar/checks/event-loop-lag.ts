import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';

interface EventLoopLagOptions {
  /** How often the event loop is sampled; a standstill shorter than this can pass unseen, a longer one seem shorter by it. */
  readonly sampleMillis: number;
}

interface EventLoopLagDependencies {
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** A time in which the event loop did not turn, on the monotonic clock. */
interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A timer that comes a little late is ordinary. */
const NOTABLE_MS = 5;

/** At a sample every 50 ms this holds the last minute even if every sample were late, also after the older half was dropped. */
const MAX_STALLS = 2400;

/**
 * Notices when this process could not run: because it was given no CPU, was stopped, or blocked its own event loop. A timer is due
 * every few milliseconds; the time by which it comes late is a standstill.
 */
export class EventLoopLag {
  readonly #sampleMillis: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #stalls: Stall[] = [];
  #timer: TimerHandle;
  /** When the timer that is set should fire; undefined while stopped. */
  #dueMs: number | undefined;

  /**
   * @param options how finely to measure
   * @param dependencies the machine's clock and timers unless given
   */
  constructor({ sampleMillis }: EventLoopLagOptions, { clock, timers }: EventLoopLagDependencies = {}) {
    this.#sampleMillis = sampleMillis;
    this.#clock = clock ?? systemClock;
    this.#timers = timers ?? systemTimers;
  }

  /** Begins to sample. Does nothing when already started. */
  start(): void {
    if (this.#dueMs === undefined) this.#arm();
  }

  /** Ends sampling; what was seen stays known. May be called twice. */
  stop(): void {
    this.#timers.clearTimeout(this.#timer);
    this.#dueMs = undefined;
  }

  /**
   * The longest standstill that overlaps a window, in milliseconds (all of it, also what lies outside of the window); 0 when there was
   * none. One that has only just ended counts too, although its timer may not have come yet.
   * @param fromMs start of the window on the monotonic clock
   * @param toMs its end
   */
  stalledDuring(fromMs: number, toMs: number): number {
    let longest = 0;
    for (const stall of this.#known()) {
      if (stall.fromMs < toMs && stall.toMs > fromMs) longest = Math.max(longest, stall.toMs - stall.fromMs);
    }
    return longest;
  }

  /** The longest standstill that ended after a moment on the monotonic clock, in milliseconds; it reaches back a minute at least. */
  maxSince(fromMs: number): number {
    return this.stalledDuring(fromMs, Number.POSITIVE_INFINITY);
  }

  #known(): readonly Stall[] {
    const pending = this.#pending();
    return pending === undefined ? this.#stalls : [...this.#stalls, pending];
  }

  /** The standstill in which the timer that is set should have fired. */
  #pending(): Stall | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (this.#dueMs === undefined || nowMs - this.#dueMs < NOTABLE_MS) return undefined;
    return { fromMs: this.#dueMs, toMs: nowMs };
  }

  #arm(): void {
    this.#dueMs = this.#clock.monotonicMs() + this.#sampleMillis;
    this.#timer = this.#timers.setTimeout(() => this.#sample(), this.#sampleMillis);
  }

  #sample(): void {
    const stall = this.#pending();
    if (stall !== undefined) this.#stalls.push(stall);
    if (this.#stalls.length > MAX_STALLS) this.#stalls = this.#stalls.slice(-MAX_STALLS / 2);
    this.#arm();
  }
}
