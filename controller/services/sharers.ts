import type { AddressOwner } from '../../api/service-address.ts';
import { type Entry, ownerKey } from './ledger.ts';
import type { PoolBook } from './pool-book.ts';
import { type Asking, MOST_SHARERS, sharingRefusal } from './sharing.ts';
import type { Refusal } from './types.ts';

/** Who has an address by which key. */
export class Sharers {
  readonly #pools: PoolBook;
  readonly #asking: ReadonlyMap<string, Asking>;
  readonly #byKey = new Map<string, Set<Entry>>();

  /** @param asking every Service that may have addresses, by its key as an owner */
  constructor(entries: Iterable<Entry>, pools: PoolBook, asking: ReadonlyMap<string, Asking>) {
    this.#pools = pools;
    this.#asking = asking;
    for (const entry of entries) this.add(entry);
  }

  /** An address was given. */
  add(entry: Entry): void {
    for (const owner of entry.owners) {
      const key = this.#askingOf(owner)?.wish.share?.key;
      if (key === undefined) continue;
      const entries = this.#byKey.get(key) ?? new Set();
      this.#byKey.set(key, entries.add(entry));
    }
  }

  /** Addresses that somebody has by a key, and perhaps others by another. */
  of(key: string): Entry[] {
    const hasKey = (owner: AddressOwner) => this.#askingOf(owner)?.wish.share?.key === key;
    // Since it was added, all may have given it up.
    return [...(this.#byKey.get(key) ?? [])].filter(({ owners }) => owners.some(hasKey));
  }

  /** Why a Service cannot have an address beside those that have it; undefined: it can. */
  refusal(entry: Entry, newcomer: Asking): Refusal | undefined {
    const others = entry.owners.filter(({ uid }) => uid !== newcomer.owner.uid);
    const holders = others.flatMap((owner) => this.#askingOf(owner) ?? []);
    for (const holder of holders) {
      const refusal = this.#between(entry, newcomer, holder);
      if (refusal !== undefined) return refusal;
    }
    if (holders.length < MOST_SHARERS) return undefined;
    const message = `${entry.address} is had by ${MOST_SHARERS} Services already, which is the most`;
    return { reason: 'SharingRefused', message };
  }

  /** Why Services that have an address together could not any more; undefined: they could. Asked by the later one. */
  quarrel(entry: Entry, later: Asking): Refusal | undefined {
    for (const owner of entry.owners) {
      if (owner.uid === later.owner.uid) return undefined;
      const holder = this.#askingOf(owner);
      const refusal = holder === undefined ? undefined : this.#between(entry, later, holder);
      if (refusal !== undefined) return { ...refusal, reason: 'SharingRefused' };
    }
    return undefined;
  }

  /** One that is about to have it as a load balancer need not have it in spec.externalIPs any more. */
  #askingOf(owner: AddressOwner): Asking | undefined {
    return this.#asking.get(ownerKey(owner)) ?? this.#asking.get(owner.uid);
  }

  #between({ address, pool }: Entry, newcomer: Asking, holder: Asking): Refusal | undefined {
    return sharingRefusal(address, this.#pools.get(pool), newcomer, holder);
  }
}
