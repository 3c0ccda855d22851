import { type Clients, joined } from './endpoint.ts';
import { clientsOfPart, MOST_PARTS } from './list.ts';
import type { AnswerMessage, ListMessage, Session } from './message.ts';

/** What one session told. */
interface Told {
  /** Its messages up to this one are not taken any more. */
  last: number;
  heardAtMs: number;
  of: number;
  /** The address that it was heard from last. */
  from: string;
  readonly parts: Map<number, string>;
}

interface OthersOptions {
  /** A number that nobody can guess, as hex digits. */
  readonly random: () => string;
  /** All that is kept of the others, in bytes. */
  readonly mostBytes?: number;
}

/** A list outlives who sent it: the address may come here minutes later. By then clients have noticed by themselves. */
const KEPT_MS = 600_000;
/** So many sessions are kept, and so many that have not proved yet to be there. */
const MOST_SESSIONS = 512;
/** How long to wait for an answer before another challenge. */
const CHALLENGE_MS = 1000;
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * What the other nodes told of their clients. A list is taken only from a session that has answered a challenge of this process, and only in
 * the order in which it was sent: what somebody recorded and sends again is neither. No clock of another node is asked.
 */
export class Others {
  readonly #random: () => string;
  readonly #mostBytes: number;
  readonly #told = new Map<Session, Told>();
  /** Sessions that were challenged. */
  readonly #challenged = new Map<Session, { readonly nonce: string; readonly atMs: number }>();

  constructor({ random, mostBytes = MOST_BYTES }: OthersOptions) {
    this.#random = random;
    this.#mostBytes = mostBytes;
  }

  /**
   * Takes a part of a list.
   * @param from the address that it came from
   * @returns the number to challenge its session with, where it must be challenged first
   */
  list(message: ListMessage, nowMs: number, from: string): string | undefined {
    const told = this.#told.get(message.session);
    if (told === undefined) return this.#challenge(message.session, nowMs);
    if (message.counter <= told.last) return undefined;
    told.last = message.counter;
    told.heardAtMs = nowMs;
    told.from = from;
    // In the order in which they were heard last.
    this.#told.delete(message.session);
    this.#told.set(message.session, told);
    this.#take(message, told);
    this.#forget(nowMs);
    return undefined;
  }

  /** Takes the answer of a session that was challenged. */
  answer({ session, nonce, counter }: AnswerMessage, nowMs: number): void {
    if (this.#challenged.get(session)?.nonce !== nonce) return;
    this.#challenged.delete(session);
    this.#told.set(session, { last: counter, heardAtMs: nowMs, of: 1, from: '', parts: new Map() });
    this.#forget(nowMs);
  }

  /** The clients of all addresses that were told. */
  get clients(): Clients {
    return this.clientsOf(() => true);
  }

  /** How many sessions are known. */
  get sessions(): number {
    return this.#told.size;
  }

  /** @param wanted takes the bytes of an address */
  clientsOf(wanted: (address: string) => boolean): Clients {
    return joined(this.#lists(), wanted);
  }

  /**
   * Who told last of clients of some addresses: the address of a node, without a zone.
   * @param wanted takes the bytes of an address
   */
  lastToTellOf(wanted: (address: string) => boolean): string | undefined {
    const tells = ({ parts }: Told) => joined(listsOf(parts), wanted).size > 0;
    return [...this.#told.values()].findLast(tells)?.from.replace(/%.*$/, '');
  }

  *#lists(): Generator<Clients> {
    for (const { parts } of this.#told.values()) yield* listsOf(parts);
  }

  #challenge(session: Session, nowMs: number): string | undefined {
    const before = this.#challenged.get(session);
    if (before !== undefined && nowMs - before.atMs < CHALLENGE_MS) return undefined;
    const nonce = before?.nonce ?? this.#random();
    this.#challenged.delete(session);
    this.#challenged.set(session, { nonce, atMs: nowMs });
    keepNewest(this.#challenged, MOST_SESSIONS);
    return nonce;
  }

  #take({ part, of, content }: ListMessage, told: Told): void {
    if (of < 1 || of > MOST_PARTS || part >= of || clientsOfPart(content) === undefined) return;
    if (of !== told.of) told.parts.clear();
    told.of = of;
    if (content === '') told.parts.delete(part);
    else told.parts.set(part, content);
  }

  #forget(nowMs: number): void {
    for (const [session, { heardAtMs }] of this.#told) if (nowMs - heardAtMs > KEPT_MS) this.#told.delete(session);
    keepNewest(this.#told, MOST_SESSIONS);
    while (this.#bytes() > this.#mostBytes) keepNewest(this.#told, this.#told.size - 1);
  }

  #bytes(): number {
    let bytes = 0;
    for (const { parts } of this.#told.values()) for (const part of parts.values()) bytes += part.length;
    return bytes;
  }
}

function* listsOf(parts: ReadonlyMap<number, string>): Generator<Clients> {
  for (const part of parts.values()) {
    const clients = clientsOfPart(part);
    if (clients !== undefined) yield clients;
  }
}

function keepNewest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
