import { roundMs } from '../support/clock.ts';

/** One attempt of a client: a new connection, one request, one answer or none. Times in ms of CLOCK_MONOTONIC. */
export interface Attempt {
  readonly startMs: number;
  readonly endMs: number;
  readonly ok: boolean;
  /** The node that answered, or why there was no answer. */
  readonly who: string;
}

/**
 * A time without service, as one client saw it.
 *
 * It lasts from the completion of the last success that started before the first failed attempt
 * to the completion of the first success that started after it.
 */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /** `toMs - fromMs`, never below 0: a slow success of before may complete after a fast one of afterwards. */
  readonly durationMs: number;
  readonly failedAttempts: number;
  /** Why the attempts failed, each reason once. */
  readonly reasons: readonly string[];
  /** Who answered last before; null when nothing had answered yet (the outage then counts from the first attempt's start). */
  readonly before: string | null;
  /** Who answered first afterwards; null when nothing did (the outage then counts to the end of the last failed attempt). */
  readonly after: string | null;
}

interface OpenOutage {
  readonly first: Attempt;
  readonly lastSuccess: Attempt | undefined;
  readonly failed: Attempt[];
}

function close(open: OpenOutage, after: Attempt | undefined): Outage {
  const fromMs = open.lastSuccess?.endMs ?? open.first.startMs;
  const toMs = after?.endMs ?? Math.max(...open.failed.map((attempt) => attempt.endMs));
  return {
    fromMs,
    toMs,
    durationMs: roundMs(Math.max(0, toMs - fromMs)),
    failedAttempts: open.failed.length,
    reasons: [...new Set(open.failed.map((attempt) => attempt.who))],
    before: open.lastSuccess?.who ?? null,
    after: after?.who ?? null,
  };
}

/** The outages in a client's attempts, in order; [] when no attempt failed. The attempts may come in any order. Pure. */
export function findOutages(attempts: readonly Attempt[]): Outage[] {
  const outages: Outage[] = [];
  let lastSuccess: Attempt | undefined;
  let open: OpenOutage | undefined;
  for (const attempt of attempts.toSorted((a, b) => a.startMs - b.startMs)) {
    if (!attempt.ok) {
      open ??= { first: attempt, lastSuccess, failed: [] };
      open.failed.push(attempt);
      continue;
    }
    if (open !== undefined) {
      outages.push(close(open, attempt));
      open = undefined;
    }
    lastSuccess = attempt;
  }
  return open === undefined ? outages : [...outages, close(open, undefined)];
}

/** What a client saw of one address. */
export interface AttemptSummary {
  readonly attempts: number;
  readonly failed: number;
  readonly outages: readonly Outage[];
  readonly longestOutageMs: number;
  readonly totalOutageMs: number;
  /** Longest time between two answers, whether an attempt failed meanwhile or not: it shows what time-outs hide. */
  readonly longestSilenceMs: number;
  /** How long the successful attempts took; null when there was none. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | null;
  /** Successful attempts by who answered. */
  readonly answeredBy: Readonly<Record<string, number>>;
}

/** Summarizes a client's attempts at one address. Pure. */
export function summarize(attempts: readonly Attempt[]): AttemptSummary {
  const successes = attempts.filter((attempt) => attempt.ok);
  const outages = findOutages(attempts);
  const answeredBy: Record<string, number> = {};
  for (const { who } of successes) {
    answeredBy[who] = (answeredBy[who] ?? 0) + 1;
  }
  return {
    attempts: attempts.length,
    failed: attempts.length - successes.length,
    outages,
    longestOutageMs: Math.max(0, ...outages.map((outage) => outage.durationMs)),
    totalOutageMs: roundMs(outages.reduce((sum, outage) => sum + outage.durationMs, 0)),
    longestSilenceMs: roundMs(longestGap(successes.map((attempt) => attempt.endMs))),
    latencyMs: percentiles(successes.map((attempt) => roundMs(attempt.endMs - attempt.startMs))),
    answeredBy,
  };
}

function longestGap(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted.reduce((longest, time, index) => Math.max(longest, time - (sorted[index - 1] ?? time)), 0);
}

function percentiles(values: readonly number[]): AttemptSummary['latencyMs'] {
  if (values.length === 0) {
    return null;
  }
  const sorted = values.toSorted((a, b) => a - b);
  // Nearest rank: the smallest value that at least this share of all values does not exceed.
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}
