import type { Family } from '../../common/addresses.ts';
import { type Admission, priorityOf } from './admission.ts';
import type { FreeAddresses } from './free-addresses.ts';
import type { Entry } from './ledger.ts';
import type { PoolBook } from './pool-book.ts';
import type { Retained } from './retained.ts';
import type { Sharers } from './sharers.ts';
import type { Asking } from './sharing.ts';
import type { Refusal, ServicePool } from './types.ts';

/** An address that a Service is to have. */
export interface Pick {
  readonly address: string;
  readonly pool: string;
}

/** An address, or why there is none. */
export type Found = { readonly pick: Pick; readonly refusal?: undefined } | { readonly refusal: Refusal };

/** What an address is chosen from. */
export interface Sources {
  readonly pools: PoolBook;
  readonly admission: Admission;
  readonly retained: Retained;
  readonly sharers: Sharers;
  readonly free: FreeAddresses;
}

/** One address that is to be chosen. */
export interface Choice {
  readonly asking: Asking;
  readonly family: Family;
  /** The how-manieth of its family that this Service chooses. */
  readonly number: number;
  /** Addresses that it has already, or chose a moment ago. */
  readonly own: ReadonlySet<string>;
  /** Addresses that others ask for by name. */
  readonly avoid: ReadonlySet<string>;
}

function found({ address, pool }: Pick): Found {
  return { pick: { address, pool } };
}

/** What it has by spec.externalIPs it does not choose besides. */
function fits({ address, owners, ...entry }: Entry, { family, own, asking }: Choice): boolean {
  const isOwn = own.has(address) || owners.some(({ uid }) => uid === asking.owner.uid);
  return entry.family === family && !isOwn;
}

/** Whether a Service may have an address back, also of a pool that gives nothing new. */
function mayReturn({ pools, admission }: Sources, { asking: { service, wish } }: Choice, entry: Entry): boolean {
  const pool = pools.get(entry.pool);
  if (pool === undefined || (wish.pool !== undefined && wish.pool.name !== pool.name)) return false;
  return admission.refusal(service, pool) === undefined;
}

/** What it had before. */
function returned(sources: Sources, choice: Choice): Entry | undefined {
  const { namespace, name } = choice.asking.owner;
  const waiting = sources.retained.of(namespace, name);
  return waiting.find((entry) => fits(entry, choice) && mayReturn(sources, choice, entry));
}

/** What it can have by its key: beside others, or after them. */
function shared(sources: Sources, choice: Choice, pools: readonly ServicePool[]): Entry | undefined {
  const { share } = choice.asking.wish;
  if (share === undefined) return undefined;
  const isOfThese = (entry: Entry) =>
    fits(entry, choice) && pools.some(({ name }) => name === entry.pool && sources.pools.has(name, entry.address));
  const beside = sources.sharers.findBeside(choice.asking, isOfThese);
  return beside ?? sources.retained.sharedBy(choice.asking.owner.namespace, share.key).find(isOfThese);
}

/** Of pools of one priority: what is free, of the pool that has most of it; else what waited longest. */
function ofEqual({ free, retained }: Sources, choice: Choice, pools: readonly ServicePool[]): Pick | undefined {
  const { asking, family, number, avoid, own } = choice;
  const { namespace, name } = asking.owner;
  const emptiestFirst = pools.toSorted((a, b) => free.shareFree(b, family) - free.shareFree(a, family));
  const taboo = own.size === 0 ? avoid : new Set([...avoid, ...own]);
  for (const pool of emptiestFirst) {
    const address = free.find(pool, family, `${namespace}/${name}/${number}`, taboo);
    if (address !== undefined) return { address, pool: pool.name };
  }
  for (const pool of emptiestFirst) {
    const waited = retained.longestInPool(pool.name, family, taboo);
    if (waited !== undefined) return waited;
  }
  return undefined;
}

function byPriority(pools: readonly ServicePool[]): ServicePool[][] {
  const groups: ServicePool[][] = [];
  for (const pool of pools) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && priorityOf(last[0]) === priorityOf(pool)) last.push(pool);
    else groups.push([pool]);
  }
  return groups;
}

function exhausted(pools: readonly ServicePool[], { family }: Choice): Refusal {
  const having = pools.filter(({ ranges }) => ranges.size(family) > 0).map(({ name }) => name);
  const names = pools.map(({ name }) => name).join(', ');
  if (having.length === 0) {
    const message = `no pool that serves it has IPv${family} ranges; add some to ${names}, or another pool`;
    return { reason: 'NoPool', message };
  }
  const message = `no IPv${family} address is free in ${having.join(', ')}; widen spec.ranges, or delete what is not needed`;
  return { reason: 'PoolExhausted', message };
}

/** Chooses an address for a Service that does not say which. */
export function choose(sources: Sources, choice: Choice): Found {
  const back = returned(sources, choice);
  if (back !== undefined) return found(back);
  const { pools, refusal } = sources.admission.candidates(choice.asking.service, choice.asking.wish.pool);
  if (refusal !== undefined) return { refusal };
  const beside = shared(sources, choice, pools);
  if (beside !== undefined) return found(beside);
  for (const equal of byPriority(pools)) {
    const pick = ofEqual(sources, choice, equal);
    if (pick !== undefined) return found(pick);
  }
  return { refusal: exhausted(pools, choice) };
}
