import { decideMute, type MuteMemory, NOBODY_MUTE, quietServers } from './mute.ts';
import type { ObservedServer, ObservedSession, ServerStatistics } from './observed.ts';
import { API_SECTION } from './sections.ts';

/** By then the checks have shown what it is: a server that only its node's loss was held against is tried again. */
const LOST_MS = 1000;
/** So many connections in a second that a server that is mute would get several between two usual looks. */
const CROWD_PER_SECOND = 50;

function ofApi<T extends { readonly section: string }>(all: readonly T[]): readonly T[] {
  return all.filter(({ section }) => section === API_SECTION);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * API servers that pass their checks still and perhaps should not: they get nothing new until that is clear, which costs them nothing when it
 * is a mistake. HAProxy takes half a second to be sure.
 */
export class Doubts {
  #mute: MuteMemory = NOBODY_MUTE;
  #failing: ReadonlySet<string> = new Set();
  /** Until when a server gets nothing new because its node may be lost. */
  readonly #lostUntilMs = new Map<string, number>();
  #quiet: ReturnType<typeof quietServers> = { quiet: new Set(), counts: new Map() };
  #begun: number | undefined;
  #listenedMs = 0;
  #crowded = false;

  /** Whether so many connections come that it is worth looking more often. */
  get isCrowded(): boolean {
    return this.#crowded;
  }

  /** Whether the connections of some server have to be looked at, and soon once more. */
  get isUnsure(): boolean {
    return this.#quiet.quiet.size > 0;
  }

  /** Takes what servers do. Where it is unsure then, {@link look} has to follow. */
  listen(observed: readonly ObservedServer[], statistics: readonly ServerStatistics[], nowMs: number): void {
    for (const [name, untilMs] of this.#lostUntilMs) if (nowMs >= untilMs) this.#lostUntilMs.delete(name);
    this.#failing = new Set(ofApi(observed).flatMap(({ name, failing }) => (failing ? [name] : [])));
    const own = ofApi(statistics);
    const begun = sum(own.map((each) => each.begun));
    const came = begun - (this.#begun ?? begun);
    this.#crowded = came > 0 && came * 1000 >= CROWD_PER_SECOND * (nowMs - this.#listenedMs);
    this.#begun = begun;
    this.#listenedMs = nowMs;
    this.#quiet = quietServers(this.#mute, own, nowMs);
    if (!this.isUnsure) this.look([], nowMs);
  }

  /** Takes that the node of an API server may be lost. */
  lost(address: string, nowMs: number): void {
    this.#lostUntilMs.set(address, nowMs + LOST_MS);
  }

  /** Takes that it is not. */
  found(address: string): void {
    this.#lostUntilMs.delete(address);
  }

  /** Takes the connections. */
  look(sessions: readonly ObservedSession[], nowMs: number): void {
    this.#mute = decideMute(this.#mute, this.#quiet, ofApi(sessions), nowMs);
  }

  /** Why an API server should get nothing new, in words; null when there is no doubt. */
  of(address: string): string | null {
    if (this.#mute.muteUntilMs.has(address)) return 'it accepts connections and says nothing';
    if (this.#lostUntilMs.has(address)) return 'its node had the virtual address until now, and may be lost';
    return this.#failing.has(address) ? 'its last check failed' : null;
  }
}
