import type { ObservedSession } from './observed.ts';

/** A server that takes its share. */
export interface Share {
  readonly name: string;
  readonly sessions: number;
  /** Its share is in proportion to this. */
  readonly weight: number;
}

/** What is known of rebalancing until now. */
export interface RebalanceMemory {
  /** Since when it is uneven; null while it is even. */
  readonly unevenSinceMs: number | null;
  /** How many were closed since then. */
  readonly closed: number;
  /** The most that was too many since then: a server that starts slowly is given its share bit by bit. */
  readonly most: number;
  /** When it may be looked at again after a rest. */
  readonly restUntilMs: number;
}

/** Nothing was done yet. */
export const NOTHING_REBALANCED: RebalanceMemory = { unevenSinceMs: null, closed: 0, most: 0, restUntilMs: 0 };

/** Connections of a server that just died come back within this time, and find their own balance. */
const SETTLE_MS = 1000;
/** Where it does not get even by so many times what is too many, closing more does not help. */
const PATIENCE = 3;
const REST_MS = 60_000;
/** A connection this young may be a single request. */
const YOUNGEST_SECONDS = 2;

/** Of few connections one more or less is no matter. */
const LEAST_DIFFERENCE = 1.5;

/**
 * How many sessions servers have above their share: nothing while all are within the tolerance. Pure.
 * @param tolerance part of its share by which a server may have more or less
 */
export function surplusOf(shares: readonly Share[], tolerance: number): ReadonlyMap<string, number> {
  const weights = shares.reduce((sum, { weight }) => sum + weight, 0);
  const total = shares.reduce((sum, { sessions }) => sum + sessions, 0);
  const measured = shares.map(({ name, sessions, weight }) => {
    const share = weights === 0 ? sessions : (total * weight) / weights;
    return { name, difference: sessions - share, allowed: Math.max(share * tolerance, LEAST_DIFFERENCE) };
  });
  if (measured.every(({ difference, allowed }) => Math.abs(difference) <= allowed)) return new Map();
  const above = measured.filter(({ difference }) => difference >= 1);
  return new Map(above.map(({ name, difference }) => [name, Math.floor(difference)]));
}

/**
 * How many sessions to close now; {@link afterClosing} has to be told how many were. Pure.
 * @param surplus what servers have above their share
 * @param budget how many may be closed at once
 */
export function paceRebalancing(
  memory: RebalanceMemory,
  surplus: ReadonlyMap<string, number>,
  { budget, nowMs }: { readonly budget: number; readonly nowMs: number },
): { readonly close: ReadonlyMap<string, number>; readonly memory: RebalanceMemory } {
  const total = [...surplus.values()].reduce((sum, more) => sum + more, 0);
  const nothing = new Map<string, number>();
  if (total === 0) return { close: nothing, memory: { ...memory, unevenSinceMs: null } };
  if (nowMs < memory.restUntilMs) return { close: nothing, memory };
  const since = memory.unevenSinceMs ?? nowMs;
  const before = memory.unevenSinceMs === null ? NOTHING_REBALANCED : memory;
  const uneven = { ...before, unevenSinceMs: since, most: Math.max(before.most, total) };
  if (nowMs - since < SETTLE_MS) return { close: nothing, memory: uneven };
  const left = uneven.most * PATIENCE - uneven.closed;
  if (left <= 0) return { close: nothing, memory: { ...NOTHING_REBALANCED, restUntilMs: nowMs + REST_MS } };
  const count = Math.min(budget, left, total);
  const close = new Map([...surplus].map(([name, more]) => [name, Math.ceil((more * count) / total)]));
  return { close, memory: uneven };
}

/** What is known when so many sessions were closed: perhaps fewer than there was reason to, for the young are left alone. Pure. */
export function afterClosing(memory: RebalanceMemory, sessions: number): RebalanceMemory {
  return { ...memory, closed: memory.closed + sessions };
}

/** Ids of the sessions to close: the oldest first, which are most likely idle watches. Pure. */
export function sessionsToClose(
  section: string,
  close: ReadonlyMap<string, number>,
  sessions: readonly ObservedSession[],
): readonly string[] {
  const candidates = sessions.filter(
    (session) =>
      session.section === section && session.serverSide === 'established' && session.ageSeconds >= YOUNGEST_SECONDS,
  );
  return [...close].flatMap(([name, count]) => {
    const own = candidates.filter(({ server }) => server === name).toSorted((a, b) => b.ageSeconds - a.ageSeconds);
    return own.slice(0, count).map(({ id }) => id);
  });
}
