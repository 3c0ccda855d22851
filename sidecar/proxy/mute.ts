import type { ObservedSession, ServerStatistics } from './observed.ts';

/** A connection in which the client spoke and the server did not. */
interface Unanswered {
  readonly sinceMs: number;
  /** It has counted already: a client that says half a word and waits speaks once only against its server. */
  readonly counted: boolean;
}

/** What a server had said in the connections that ended, when it was last seen to be more, and how many it had been given by then. */
interface Counts {
  readonly bytes: number;
  readonly begun: number;
  /** When that was; long ago for one that was not seen to say anything. */
  readonly saidMs: number;
}

/** What is known of servers that may be mute, by name. */
export interface MuteMemory {
  readonly counts: ReadonlyMap<string, Counts>;
  /** By id of the connection. */
  readonly unanswered: ReadonlyMap<string, Unanswered>;
  /** Until when a server gets nothing new. */
  readonly muteUntilMs: ReadonlyMap<string, number>;
}

/** Nothing was seen yet. */
export const NOBODY_MUTE: MuteMemory = { counts: new Map(), unanswered: new Map(), muteUntilMs: new Map() };

/** An API server answers the first words of TLS within a millisecond. */
const UNANSWERED_MS = 75;
/** One client may say half a word and wait. */
const FEWEST = 2;
/** By then the checks have shown what it is. What they find good is tried again. */
const MUTE_MS = 1000;

/** Servers to look at, and what is remembered of all. */
interface Quiet {
  readonly quiet: ReadonlySet<string>;
  readonly counts: MuteMemory['counts'];
}

/**
 * Servers that got connections, and ended none with an answer since they got the first of them: a reason to look at these. It is also so of
 * one that gets watches alone. Pure.
 */
export function quietServers({ counts }: MuteMemory, statistics: readonly ServerStatistics[], nowMs: number): Quiet {
  const seen = statistics.map(({ name, bytes, begun }) => {
    const before = counts.get(name);
    const saidMs = before === undefined ? Number.NEGATIVE_INFINITY : nowMs;
    const last = before?.bytes === bytes ? before : { bytes, begun, saidMs };
    return { name, last, isQuiet: begun - last.begun >= FEWEST };
  });
  return {
    quiet: new Set(seen.filter(({ isQuiet }) => isQuiet).map(({ name }) => name)),
    counts: new Map(seen.map(({ name, last }) => [name, last])),
  };
}

/**
 * Which servers are mute: they accept connections, for their kernel does that, and answer nobody. Checks see it too, after a time-out. Until
 * then each client that they get is lost: what it has said once cannot be said to another server. Only one is mute that another one was seen to
 * answer beside: where all are silent, the machine or the network stands still, and nobody is better off elsewhere. Pure.
 * @param sessions connections of the section; not needed while nobody is quiet
 */
export function decideMute(
  memory: MuteMemory,
  { quiet, counts }: Quiet,
  sessions: readonly ObservedSession[],
  nowMs: number,
): MuteMemory {
  const waiting = sessions.filter(({ server, unanswered }) => unanswered && quiet.has(server));
  const known = (id: string) => memory.unanswered.get(id) ?? { sinceMs: nowMs, counted: false };
  const late = waiting.filter(({ id }) => !known(id).counted && nowMs - known(id).sinceMs >= UNANSWERED_MS);
  const isMute = (name: string) => {
    const own = late.filter(({ server }) => server === name);
    const sinceMs = Math.min(...own.map(({ id }) => known(id).sinceMs));
    return own.length >= FEWEST && [...counts].some(([other, { saidMs }]) => other !== name && saidMs > sinceMs);
  };
  const mute = [...quiet].filter(isMute);
  const counted = new Set(late.filter(({ server }) => mute.includes(server)).map(({ id }) => id));
  const unanswered = waiting.map(
    ({ id }) => [id, counted.has(id) ? { ...known(id), counted: true } : known(id)] as const,
  );
  // One that answers again is not.
  const still = [...memory.muteUntilMs].filter(([name, untilMs]) => nowMs < untilMs && quiet.has(name));
  const until = [...still, ...mute.map((name) => [name, nowMs + MUTE_MS] as const)];
  return { counts, unanswered: new Map(unanswered), muteUntilMs: new Map(until) };
}
