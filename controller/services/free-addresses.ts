import type { Family } from '../../common/addresses.ts';
import { sha256 } from '../../common/digest.ts';
import type { Ledger } from './ledger.ts';
import type { PoolBook } from './pool-book.ts';
import type { AllocationInput, ServicePool } from './types.ts';

/** Digits of a digest that a number of JavaScript holds exactly. */
const EXACT_DIGITS = 12;

/** What is known of a pool's addresses of a family. */
interface Range {
  readonly size: number;
  /** By index: known to be nobody's to give. */
  readonly taken: Uint8Array;
  full: boolean;
}

/**
 * Finds addresses that nobody has. What a Service gets first follows from the names alone, so that also a rebuilt cluster gives the same
 * where two names do not meet: a digest of them says where the search begins. Only while nothing is freed: what was taken once is not
 * looked at again.
 */
export class FreeAddresses {
  readonly #ledger: Ledger;
  readonly #pools: PoolBook;
  readonly #unavailable: AllocationInput['unavailable'];
  readonly #ranges = new Map<string, Range>();
  readonly #used = new Map<string, number>();

  constructor(ledger: Ledger, pools: PoolBook, unavailable: AllocationInput['unavailable']) {
    this.#ledger = ledger;
    this.#pools = pools;
    this.#unavailable = unavailable;
    for (const { address, pool, family } of ledger.entries()) {
      if (pools.has(pool, address)) this.#count(pool, family);
    }
  }

  /** How much of a pool nobody has, from 0 to 1. */
  shareFree(pool: ServicePool, family: Family): number {
    const size = pool.ranges.size(family);
    return size === 0 ? 0 : 1 - (this.#used.get(keyOf(pool.name, family)) ?? 0) / size;
  }

  /** An address was given that nobody had. */
  took(pool: string, family: Family): void {
    this.#count(pool, family);
  }

  /**
   * @param seed what the first choice follows from, with the pool
   * @param avoid addresses that are not to be chosen, though they are free
   * @returns undefined: there is none
   */
  find(pool: ServicePool, family: Family, seed: string, avoid: ReadonlySet<string>): string | undefined {
    const range = this.#rangeOf(pool, family);
    if (range.full || range.size === 0) return undefined;
    const digest = sha256(`${pool.name}/${family}/${seed}`).slice(0, EXACT_DIGITS);
    const start = Number.parseInt(digest, 16) % range.size;
    let avoided = false;
    for (let step = 0; step < range.size; step++) {
      const index = (start + step) % range.size;
      const address = this.#freeAt(pool, family, range, index);
      if (address === undefined) continue;
      if (!avoid.has(address)) return address;
      avoided = true;
    }
    range.full = !avoided;
    return undefined;
  }

  #freeAt(pool: ServicePool, family: Family, range: Range, index: number): string | undefined {
    if (range.taken[index] === 1) return undefined;
    const address = pool.ranges.at(family, index);
    if (this.#isFree(pool, address)) return address;
    range.taken[index] = 1;
    return undefined;
  }

  #isFree(pool: ServicePool, address: string): boolean {
    return (
      this.#ledger.get(address) === undefined && !this.#unavailable.has(address) && this.#pools.isOwner(pool, address)
    );
  }

  #rangeOf(pool: ServicePool, family: Family): Range {
    const key = keyOf(pool.name, family);
    const known = this.#ranges.get(key);
    if (known !== undefined) return known;
    const size = pool.ranges.size(family);
    const full = (this.#used.get(key) ?? 0) >= size;
    const made = { size, taken: new Uint8Array(full ? 0 : size), full };
    this.#ranges.set(key, made);
    return made;
  }

  #count(pool: string, family: Family): void {
    const key = keyOf(pool, family);
    this.#used.set(key, (this.#used.get(key) ?? 0) + 1);
  }
}

function keyOf(pool: string, family: Family): string {
  return `${pool}/${family}`;
}
