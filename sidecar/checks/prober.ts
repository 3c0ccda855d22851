import type { Clock, Timers } from '../../common/clock.ts';
import type { Probe, ProbeResult } from '../probes/types.ts';
import { CERTAIN_REFUSALS } from './types.ts';

/** Measures how long this process' event loop stood still. */
export interface LagGauge {
  /** Longest standstill, in milliseconds, that overlaps the window given on the monotonic clock. */
  stalledDuring(fromMs: number, toMs: number): number;
}

interface ProberDependencies {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Undefined: no time-out is excused. */
  readonly lag: LagGauge | undefined;
}

/** A result that can be counted. */
export interface ProbeVerdict {
  readonly result: ProbeResult;
  /** It is a refusal that was refused again: certain without further repetition. */
  readonly confirmed: boolean;
}

/**
 * Pauses before the attempts that follow a refusal, in milliseconds. A killed server's listening socket can outlive the process that
 * accepted from it (nginx' workers die before its master): until the kernel closes it, connections are taken into its backlog and
 * reset. The pauses together give that 50 ms.
 */
const CONFIRMATION_PAUSES_MS = [2, 4, 8, 16, 20];

/** A target that times out this often in a row is not excused any more by this process' own lag: something must be decided. */
const MAX_EXCUSED_IN_A_ROW = 5;

/** Attempts within one probe that may be repeated because this process lagged; the rest waits for the next interval. */
const MAX_REPEATS = 2;

/**
 * How much of a time-out this process may have slept through for the time-out still to count. A shorter standstill left the target
 * most of its time; the answer to a longer one may have been waiting unread.
 */
const EXCUSING_SHARE = 0.25;

/**
 * Asks one target in as many attempts as it takes for a result that can be counted: a refusal is asked again, and so is a time-out for
 * which this process itself may be to blame.
 */
export class Prober {
  readonly #timeoutMs: number;
  readonly #dependencies: ProberDependencies;
  /** Time-outs in a row that were excused. */
  #excused = 0;

  /** @param options the probe's own time-out */
  constructor({ timeoutSeconds }: { readonly timeoutSeconds: number }, dependencies: ProberDependencies) {
    this.#timeoutMs = timeoutSeconds * 1000;
    this.#dependencies = dependencies;
  }

  /**
   * Asks once. Never rejects; what comes after `signal` is no result of the target.
   * @param confirmRefusals whether a refusal is asked again until it is certain
   */
  async probe(signal: AbortSignal, confirmRefusals: boolean): Promise<ProbeVerdict> {
    const result = await this.#attempt(signal);
    if (result.outcome !== 'refused' || !confirmRefusals) return { result, confirmed: false };
    return this.#confirm(signal, result);
  }

  /** One attempt, repeated while its time-out may be this process' own fault. */
  async #attempt(signal: AbortSignal): Promise<ProbeResult> {
    const { clock, lag } = this.#dependencies;
    for (let repeats = 0; ; repeats += 1) {
      const startMs = clock.monotonicMs();
      const result = await this.#ask(signal);
      const stalledMs = lag?.stalledDuring(startMs, clock.monotonicMs()) ?? 0;
      const excused = this.#excuse(result, stalledMs);
      if (!excused || signal.aborted) return result;
      if (repeats === MAX_REPEATS) return inconclusive(result, stalledMs);
    }
  }

  /** A probe promises never to reject; one that does all the same must not end the cadence. */
  async #ask(signal: AbortSignal): Promise<ProbeResult> {
    const { clock, probe } = this.#dependencies;
    const startMs = clock.monotonicMs();
    try {
      return await probe.probe(signal);
    } catch (error) {
      const durationSeconds = (clock.monotonicMs() - startMs) / 1000;
      return {
        outcome: 'failure',
        reason: `${probe.target}: the probe itself broke: ${String(error)}`,
        durationSeconds,
      };
    }
  }

  /** Whether a result is a time-out for which this process may be to blame, and that was not excused too often already. */
  #excuse(result: ProbeResult, stalledMs: number): boolean {
    const timedOut = result.outcome === 'failure' && result.code === 'ETIMEDOUT';
    const suspect = timedOut && stalledMs >= this.#timeoutMs * EXCUSING_SHARE;
    this.#excused = suspect ? this.#excused + 1 : 0;
    return suspect && this.#excused <= MAX_EXCUSED_IN_A_ROW;
  }

  /**
   * Asks again after a refusal until it is certain. Two refused connections are; a reset may have been the last breath of one
   * process among several, so it is only believed when every attempt ended so.
   */
  async #confirm(signal: AbortSignal, first: ProbeResult): Promise<ProbeVerdict> {
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
      if (refusals === CERTAIN_REFUSALS) break;
    }
    return { result: { ...result, reason: `${result.reason} (${attempts} times in a row)` }, confirmed: true };
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const { timers } = this.#dependencies;
    return new Promise((resolve) => {
      const finish = () => {
        timers.clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = timers.setTimeout(finish, delayMs);
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    });
  }
}

function isRefusal(result: ProbeResult): boolean {
  return result.outcome === 'refused' && result.code !== 'ECONNRESET';
}

function inconclusive(result: ProbeResult, stalledMs: number): ProbeResult {
  const reason = `${result.reason}; not counted, because this process itself stood still for ${Math.round(stalledMs)} ms meanwhile`;
  return { ...result, outcome: 'inconclusive', reason };
}
