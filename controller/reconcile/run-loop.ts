import type { Clock, TimerHandle, Timers } from '../../common/clock.ts';
import { Backoff } from '../../common/retry.ts';

interface RunLoopOptions {
  /** Requests that come within this time are answered by one run. */
  readonly debounceMs: number;
  /** A run follows after so long also when nothing was requested: a resync, for what no watch delivered. */
  readonly resyncMs: number;
}

interface RunLoopDependencies {
  /** Does the work. @returns milliseconds after which it must be done again by time alone */
  readonly run: () => Promise<number | undefined>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Called when a run failed, with the delay after which the next follows. */
  readonly onError: (error: unknown, retryMs: number) => void;
}

/** Runs one piece of work when it is asked for: never twice at a time, soon, and again after a failure. */
export class RunLoop {
  readonly #options: RunLoopOptions;
  readonly #dependencies: RunLoopDependencies;
  readonly #backoff = new Backoff({ firstMs: 200, maximumMs: 15_000 });
  #timer: TimerHandle;
  #dueMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #active = false;

  constructor(options: RunLoopOptions, dependencies: RunLoopDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Begins; the first run follows a request. */
  start(): void {
    this.#active = true;
  }

  /** Ends, after the run that is under way; may be called twice. */
  async stop(): Promise<void> {
    this.#active = false;
    this.#clear();
    await this.#running;
  }

  /** Asks for a run. @param withinMs sooner than what is asked for otherwise, for what somebody waits for */
  request(withinMs = this.#options.debounceMs): void {
    this.#within(withinMs);
  }

  #clear(): void {
    this.#dependencies.timers.clearTimeout(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #within(delayMs: number): void {
    const { clock, timers } = this.#dependencies;
    const dueMs = clock.monotonicMs() + delayMs;
    if (!this.#active || dueMs >= this.#dueMs) return;
    this.#clear();
    this.#dueMs = dueMs;
    // While a run is under way the time is only noted; its end sets the timer.
    if (this.#running === undefined) this.#timer = timers.setTimeout(() => this.#begin(), delayMs);
  }

  #begin(): void {
    this.#clear();
    this.#running = this.#run().then((againMs) => {
      this.#running = undefined;
      const noted = Math.max(0, this.#dueMs - this.#dependencies.clock.monotonicMs());
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#within(Math.min(noted, againMs, this.#options.resyncMs));
    });
  }

  async #run(): Promise<number> {
    try {
      const againMs = await this.#dependencies.run();
      this.#backoff.reset();
      return againMs ?? Number.POSITIVE_INFINITY;
    } catch (error) {
      const retryMs = this.#backoff.next();
      this.#dependencies.onError(error, retryMs);
      return retryMs;
    }
  }
}
