import type { Family } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { Entry, Ledger, RetainedFor } from './ledger.ts';
import { type PoolBook, retainMsOf } from './pool-book.ts';
import type { AllocationInput } from './types.ts';

/** By how much a clock may be ahead of the one that wrote a time. */
const AHEAD_MS = 60_000;

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const items = map.get(key);
  if (items === undefined) map.set(key, [item]);
  else items.push(item);
}

/** Names of namespaces and Services have no slash in them. */
function nameKey({ namespace, name }: Pick<RetainedFor, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

function shareKey(namespace: string, key: string): string {
  return `${namespace}/${key}`;
}

/** A time as claims have it. Pure. */
export function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** The longest retained first. */
function longestFirst(a: Entry, b: Entry): number {
  return compareText(sinceOf(a), sinceOf(b)) || compareText(a.address, b.address);
}

function sinceOf({ retained }: Entry): string {
  return retained === undefined ? '' : timeText(Date.parse(retained.since));
}

/** Addresses that wait for their Services, to be found by who may have them. What was given since is not among them. */
export class Retained {
  readonly #unavailable: AllocationInput['unavailable'];
  readonly #byName = new Map<string, Entry[]>();
  readonly #byShare = new Map<string, Entry[]>();
  /** The longest retained last: what is taken from the front of a long list has all of it moved. */
  readonly #byPool = new Map<string, Entry[]>();

  constructor(ledger: Ledger, unavailable: AllocationInput['unavailable']) {
    this.#unavailable = unavailable;
    const waiting = [...ledger.entries()].filter(({ retained }) => retained !== undefined).sort(longestFirst);
    for (const entry of waiting) this.#add(entry);
    for (const entries of this.#byPool.values()) entries.reverse();
  }

  /** What a Service of this name had, the last first. */
  of(namespace: string, name: string): Entry[] {
    return this.#waiting(this.#byName.get(nameKey({ namespace, name }))).reverse();
  }

  /** What Services of a namespace shared by a key, the last first. */
  sharedBy(namespace: string, key: string): Entry[] {
    return this.#waiting(this.#byShare.get(shareKey(namespace, key))).reverse();
  }

  /**
   * What a pool can give again, the longest retained: a stale name of it leads to a stranger as late as can be. What was given does not wait
   * again in the same decision, so that it is forgotten: thousands may ask for what waits next.
   * @param avoid addresses that are not to be chosen
   */
  longestInPool(pool: string, family: Family, avoid: ReadonlySet<string>): Entry | undefined {
    const entries = this.#byPool.get(`${pool}/${family}`) ?? [];
    while (entries.length > 0 && !this.#waits(entries.at(-1))) entries.pop();
    return entries.findLast((entry) => this.#waits(entry) && !avoid.has(entry.address));
  }

  #add(entry: Entry): void {
    const { retained } = entry;
    if (retained === undefined) return;
    push(this.#byName, nameKey(retained), entry);
    push(this.#byPool, `${entry.pool}/${entry.family}`, entry);
    if (retained.sharingKey !== undefined)
      push(this.#byShare, shareKey(retained.namespace, retained.sharingKey), entry);
  }

  #waiting(entries: readonly Entry[] = []): Entry[] {
    return entries.filter((entry) => this.#waits(entry));
  }

  #waits(entry: Entry | undefined): boolean {
    return entry?.retained !== undefined && !this.#unavailable.has(entry.address);
  }
}

/** Ends what waited long enough, and what no pool gives any more. */
export function endRetention(ledger: Ledger, pools: PoolBook, nowMs: number): void {
  for (const entry of [...ledger.entries()]) {
    if (entry.owners.length > 0) continue;
    const { retained } = entry;
    if (retained === undefined || endOf(entry, retained, pools, nowMs) <= nowMs) ledger.free(entry);
  }
}

/** By a clock that was ahead an address would wait for too long: such a time is now. */
function beganMs(entry: Entry, retained: RetainedFor, nowMs: number): number {
  const writtenMs = Date.parse(retained.since);
  if (writtenMs <= nowMs + AHEAD_MS) return writtenMs;
  entry.retained = { ...retained, since: timeText(nowMs) };
  return nowMs;
}

function endOf(entry: Entry, retained: RetainedFor, pools: PoolBook, nowMs: number): number {
  const pool = pools.get(entry.pool);
  if (pool === undefined || !pools.has(entry.pool, entry.address)) return Number.NEGATIVE_INFINITY;
  return beganMs(entry, retained, nowMs) + retainMsOf(pool, retained.retainSeconds);
}

/** Wall clock: when the first of those that wait ends; undefined: none waits. */
export function firstEnd(ledger: Ledger, pools: PoolBook): number | undefined {
  let first: number | undefined;
  for (const { retained, pool: name } of ledger.entries()) {
    const pool = pools.get(name);
    if (retained === undefined || pool === undefined) continue;
    const endMs = Date.parse(retained.since) + retainMsOf(pool, retained.retainSeconds);
    if (first === undefined || endMs < first) first = endMs;
  }
  return first;
}
