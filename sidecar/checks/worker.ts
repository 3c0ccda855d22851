import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import { applyResult, initialCheckState } from './thresholds.ts';
import type { CheckState, CheckTiming } from './types.ts';

/** Measures how long this process' event loop stood still. */
export interface LagGauge {
  /** Longest standstill, in milliseconds, that overlaps the window given on the monotonic clock. */
  stalledDuring(fromMs: number, toMs: number): number;
}

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
  /** Hears the state each time `healthy` changed, and then only. */
  readonly onChange?: (state: CheckState) => void;
  /** Hears every result that was counted, with the state that it led to. */
  readonly onResult?: (result: ProbeResult, state: CheckState) => void;
}

/**
 * Pauses before the attempts that follow a refusal, in milliseconds. A killed server's listening socket can outlive the process that
 * accepted from it (nginx' workers die before its master): until the kernel closes it, connections are taken into its backlog and
 * reset. The pauses together give that 50 ms.
 */
const CONFIRMATION_PAUSES_MS = [2, 4, 8, 16, 20];

/** A target that time-outs this often in a row is not excused any more by this process' own lag: something must be decided. */
const MAX_EXCUSED_IN_A_ROW = 5;

/** Attempts within one probe that may be repeated because this process lagged; the rest waits for the next interval. */
const MAX_REPEATS = 2;

/**
 * How much of a time-out this process may have slept through for the time-out still to count. A shorter standstill left the target
 * most of its time; the answer to a longer one may have been waiting unread.
 */
const EXCUSING_SHARE = 0.25;

/** Later probes are moved by a random part of the interval, so that nodes and checks that started together don't stay in step. */
const JITTER_SHARE = 0.05;
const MAX_JITTER_MS = 100;

interface Outcome {
  readonly result: ProbeResult;
  readonly confirmed: boolean;
}

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
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #dependencies: WorkerDependencies;
  #state = initialCheckState();
  #run: Run | undefined;
  #current: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #excused = 0;

  /**
   * @param options cadence and thresholds
   * @param dependencies the probe, and who hears of its results; clock, timers and randomness are the machine's unless given
   */
  constructor(options: WorkerOptions, dependencies: WorkerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#probe = dependencies.probe;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
    this.#random = dependencies.random ?? Math.random;
  }

  /** What is asked, for logs and /status. */
  get target(): string {
    return this.#probe.target;
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
      // What waits to ask out of turn asks now anyway.
      if (run === this.#run && run.overdue && this.#following === undefined) void this.#begin('interval');
    });
    this.#current = current;
    return current;
  }

  async #probeOnce(run: Run, reason: string): Promise<void> {
    let outcome: Outcome = { result: await this.#attempt(run.signal), confirmed: false };
    if (this.#wantsConfirmation(outcome.result)) outcome = await this.#confirm(run.signal, outcome.result);
    if (run.signal.aborted) return;
    this.#count(outcome, reason);
  }

  #wantsConfirmation(result: ProbeResult): boolean {
    return result.outcome === 'refused' && this.#options.refusedIsFinal === true && this.#state.healthy !== false;
  }

  /** One attempt, repeated while its time-out may be this process' own fault. */
  async #attempt(signal: AbortSignal): Promise<ProbeResult> {
    for (let repeats = 0; ; repeats += 1) {
      const startMs = this.#clock.monotonicMs();
      const result = await this.#ask(signal);
      const stalledMs = this.#dependencies.lag?.stalledDuring(startMs, this.#clock.monotonicMs()) ?? 0;
      const excused = this.#excuse(result, stalledMs);
      if (!excused || signal.aborted) return result;
      if (repeats === MAX_REPEATS) return inconclusive(result, stalledMs);
    }
  }

  /** A probe promises never to reject; one that does all the same must not end the cadence. */
  async #ask(signal: AbortSignal): Promise<ProbeResult> {
    const startMs = this.#clock.monotonicMs();
    try {
      return await this.#probe.probe(signal);
    } catch (error) {
      const durationSeconds = (this.#clock.monotonicMs() - startMs) / 1000;
      return {
        outcome: 'failure',
        reason: `${this.#probe.target}: the probe itself broke: ${String(error)}`,
        durationSeconds,
      };
    }
  }

  /** Whether a result is a time-out for which this process may be to blame, and that has not been said too often already. */
  #excuse(result: ProbeResult, stalledMs: number): boolean {
    const timedOut = result.outcome === 'failure' && result.code === 'ETIMEDOUT';
    const suspect = timedOut && stalledMs >= this.#options.timing.timeoutSeconds * 1000 * EXCUSING_SHARE;
    this.#excused = suspect ? this.#excused + 1 : 0;
    return suspect && this.#excused <= MAX_EXCUSED_IN_A_ROW;
  }

  /**
   * Asks again after a refusal until it is certain. Two refused connections are; a reset may have been the last breath of one
   * process among several, so it is only believed when every attempt ended so.
   */
  async #confirm(signal: AbortSignal, first: ProbeResult): Promise<Outcome> {
    let result = first;
    let refusals = isRefusal(first) ? 1 : 0;
    let attempts = 1;
    for (const pauseMs of CONFIRMATION_PAUSES_MS) {
      await this.#pause(pauseMs, signal);
      if (signal.aborted) return { result, confirmed: false };
      result = await this.#attempt(signal);
      attempts += 1;
      if (result.outcome !== 'refused') return { result, confirmed: false };
      refusals += isRefusal(result) ? 1 : 0;
      if (refusals === 2) break;
    }
    return { result: { ...result, reason: `${result.reason} (${attempts} times in a row)` }, confirmed: true };
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#timers.clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = this.#timers.setTimeout(finish, delayMs);
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    });
  }

  #count({ result, confirmed }: Outcome, reason: string): void {
    const before = this.#state;
    const told =
      reason === 'start' || reason === 'interval'
        ? result
        : { ...result, reason: `${result.reason} [asked because ${reason}]` };
    this.#state = applyResult(before, told, this.#clock.wallMs(), this.#options.timing, { immediate: confirmed });
    this.#dependencies.onResult?.(told, this.#state);
    if (this.#state.healthy !== before.healthy) this.#dependencies.onChange?.(this.#state);
  }
}

function isRefusal(result: ProbeResult): boolean {
  return result.outcome === 'refused' && result.code !== 'ECONNRESET';
}

function inconclusive(result: ProbeResult, stalledMs: number): ProbeResult {
  const reason = `${result.reason}; not counted, because this process itself stood still for ${Math.round(stalledMs)} ms meanwhile`;
  return { ...result, outcome: 'inconclusive', reason };
}
