import { SERVICES_DEFAULTS } from '../../api/defaults.ts';
import { compareText } from '../../common/compare-text.ts';
import type { ServicePool } from './types.ts';

/** Whether Services get addresses of a pool at all. Pure. */
export function serves({ deleting, spec }: ServicePool): boolean {
  return !deleting && spec.services !== undefined;
}

/**
 * How long an address of a pool waits for its Service. Pure.
 * @param wishedSeconds what the Service wished; undefined: the pool decides
 */
export function retainMsOf({ spec }: ServicePool, wishedSeconds: number | undefined): number {
  return (wishedSeconds ?? spec.services?.retainSeconds ?? SERVICES_DEFAULTS.retainSeconds) * 1000;
}

/** The pools, and whose an address is that several have. */
export class PoolBook {
  /** Those that give addresses, oldest first. */
  readonly serving: readonly ServicePool[];
  readonly #byName: ReadonlyMap<string, ServicePool>;
  /** By address: what was asked of the pool that a claim names. */
  readonly #had = new Map<string, { readonly pool: string; readonly has: boolean }>();

  constructor(pools: readonly ServicePool[]) {
    const oldestFirst = pools.toSorted((a, b) => a.createdMs - b.createdMs || compareText(a.name, b.name));
    this.serving = oldestFirst.filter(serves);
    this.#byName = new Map(pools.map((pool) => [pool.name, pool]));
  }

  get(name: string): ServicePool | undefined {
    return this.#byName.get(name);
  }

  /** Whether a pool would give an address that is of it. */
  has(name: string, address: string): boolean {
    const known = this.#had.get(address);
    if (known?.pool === name) return known.has;
    const pool = this.#byName.get(name);
    const has = pool !== undefined && serves(pool) && pool.ranges.has(address);
    this.#had.set(address, { pool: name, has });
    return has;
  }

  /** The pool that gives an address: of several the oldest, as everywhere. */
  ownerOf(address: string): ServicePool | undefined {
    return this.serving.find(({ ranges }) => ranges.has(address));
  }

  /** Whether no older pool has the address. */
  isOwner(pool: ServicePool, address: string): boolean {
    return this.ownerOf(address)?.name === pool.name;
  }
}
