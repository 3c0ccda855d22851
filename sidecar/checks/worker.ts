import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import { type LagGauge, Prober, type ProbeVerdict } from './prober.ts';
import { applyResult, initialCheckState } from './thresholds.ts';
import type { CheckState, CheckTiming } from './types.ts';

interface WorkerOptions {
  readonly timing: CheckTiming;
  /** A refusal that was refused again fails the check at once, whatever the threshold. */
  readonly refusedIsFinal?: boolean;
}

interface WorkerDependencies {
  readonly probe: Probe;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly lag?: LagGauge;
  /** Called with the state each time `healthy` changed, and then only. */
  readonly onChange?: (state: CheckState) => void;
  /** Called with every result that was counted, and the state that it led to. */
  readonly onResult?: (result: ProbeResult, state: CheckState) => void;
}

/** Later probes are moved by a random part of the interval, so that nodes and checks that started together don't stay in step. */
const JITTER_SHARE = 0.05;
const MAX_JITTER_MS = 100;

/** One period between start() and stop(); what is under way when it ends is not counted. */
interface Run {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  /** Monotonic time that the cadence counts from. */
  readonly originMs: number;
  tick: number;
  /** An interval ended while a probe was under way: the next one begins as soon as that one has ended. */
  overdue: boolean;
  timer: TimerHandle;
}

/**
 * Asks one target again and again and counts the answers. A probe begins every interval, counted from the first and not from the end
 * of the one before. Two never overlap: when an interval ends while a probe is under way, the next one follows that at once, as with the
 * kubelet. Passing the interval over instead would make a row of time-outs up to twice as long on one node as on another.
 */
export class CheckWorker {
  readonly #options: WorkerOptions;
  readonly #prober: Prober;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #dependencies: WorkerDependencies;
  #state = initialCheckState();
  #run: Run | undefined;
  #current: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  /**
   * @param options cadence and thresholds
   * @param dependencies the probe, and callbacks for its results; clock, timers and randomness are the machine's unless given
   */
  constructor(options: WorkerOptions, dependencies: WorkerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
    this.#random = dependencies.random ?? Math.random;
    const { probe, lag } = dependencies;
    this.#prober = new Prober(options.timing, { probe, lag, clock: this.#clock, timers: this.#timers });
  }

  /** What is asked, for logs and /status. */
  get target(): string {
    return this.#dependencies.probe.target;
  }

  /** Cadence and thresholds in force. */
  get timing(): CheckTiming {
    return this.#options.timing;
  }

  /** What is known now. */
  get state(): CheckState {
    return this.#state;
  }

  /** Probes at once, and then every interval. Does nothing when already started. */
  start(): void {
    if (this.#run !== undefined) return;
    const controller = new AbortController();
    const intervalMs = this.#intervalMs;
    const jitterMs = this.#random() * Math.min(intervalMs * JITTER_SHARE, MAX_JITTER_MS);
    this.#run = {
      signal: controller.signal,
      abort: () => controller.abort(),
      originMs: this.#clock.monotonicMs() + jitterMs,
      tick: 0,
      overdue: false,
      timer: undefined,
    };
    this.#schedule(this.#run);
    void this.probeNow('start');
  }

  /** Ends the cadence and abandons a probe under way without counting it. May be called twice. */
  stop(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#timers.clearTimeout(run.timer);
    run.abort();
  }

  /**
   * Probes outside the cadence, because something happened that may have changed the answer. A probe begins after this call, either
   * at once or as soon as the one under way has ended; calls that wait for the same one share it. The cadence is not moved.
   * @param reason what happened, for the result's text
   * @returns settles when that probe has been counted, or the worker is stopped
   */
  probeNow(reason: string): Promise<void> {
    if (this.#run === undefined) return Promise.resolve();
    if (this.#current === undefined) return this.#begin(reason);
    this.#following ??= this.#current.then(() => {
      this.#following = undefined;
      return this.probeNow(reason);
    });
    return this.#following;
  }

  get #intervalMs(): number {
    return this.#options.timing.intervalSeconds * 1000;
  }

  #schedule(run: Run): void {
    const passed = Math.floor((this.#clock.monotonicMs() - run.originMs) / this.#intervalMs);
    // Not below tick + 1: Node's timers may fire a fraction of a millisecond early.
    run.tick = Math.max(run.tick, passed) + 1;
    const dueMs = run.originMs + run.tick * this.#intervalMs;
    run.timer = this.#timers.setTimeout(
      () => {
        this.#schedule(run);
        if (this.#current === undefined) void this.#begin('interval');
        else run.overdue = true;
      },
      Math.max(0, dueMs - this.#clock.monotonicMs()),
    );
  }

  #begin(reason: string): Promise<void> {
    const run = this.#run;
    if (run === undefined) return Promise.resolve();
    run.overdue = false;
    const current = this.#probeOnce(run, reason).finally(() => {
      if (this.#current !== current) return;
      this.#current = undefined;
      // A probe outside the cadence that waits begins now, and stands for the overdue one.
      if (run === this.#run && run.overdue && this.#following === undefined) void this.#begin('interval');
    });
    this.#current = current;
    return current;
  }

  async #probeOnce(run: Run, reason: string): Promise<void> {
    const confirmRefusals = this.#options.refusedIsFinal === true && this.#state.healthy !== false;
    const verdict = await this.#prober.probe(run.signal, confirmRefusals);
    if (!run.signal.aborted) this.#count(verdict, reason);
  }

  #count({ result, confirmed }: ProbeVerdict, reason: string): void {
    const before = this.#state;
    const counted =
      reason === 'start' || reason === 'interval'
        ? result
        : { ...result, reason: `${result.reason} [asked because ${reason}]` };
    this.#state = applyResult(before, counted, this.#clock.wallMs(), this.#options.timing, { immediate: confirmed });
    this.#dependencies.onResult?.(counted, this.#state);
    if (this.#state.healthy !== before.healthy) this.#dependencies.onChange?.(this.#state);
  }
}
