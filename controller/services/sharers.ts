import type { AddressOwner } from '../../api/service-address.ts';
import { withAnswersOf } from '../../common/answers.ts';
import { type Entry, ownerKey } from './ledger.ts';
import type { PoolBook } from './pool-book.ts';
import { type Asking, MOST_SHARERS, sharingRefusal } from './sharing.ts';
import type { Refusal } from './types.ts';

/** Those that have an address. */
interface Holding {
  readonly holders: readonly Asking[];
  /** By which keys they have it. */
  readonly keys: ReadonlySet<string>;
  /** At which they take connections. */
  readonly ports: ReadonlySet<string>;
}

function portsOf({ service: { ports } }: Asking): string[] {
  return ports.map(({ protocol, port }) => `${protocol} ${port}`);
}

/** Who has an address by which key. */
export class Sharers {
  readonly #pools: PoolBook;
  readonly #asking: ReadonlyMap<string, Asking>;
  readonly #byKey = new Map<string, Set<Entry>>();
  /** Owners are never changed, only replaced. */
  readonly #holding = withAnswersOf((owners: Entry['owners']) => this.#holdingOf(owners));

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

  /**
   * An address that somebody has by a Service's key, and that it can have, too. Where thousands have one key and one port, all are looked at
   * for each of them: so first comes what costs nothing.
   * @param suits whether it may have the address for other reasons
   */
  findBeside(newcomer: Asking, suits: (entry: Entry) => boolean): Entry | undefined {
    const key = newcomer.wish.share?.key;
    if (key === undefined) return undefined;
    const wanted = portsOf(newcomer);
    for (const entry of this.#byKey.get(key) ?? []) {
      // Since it was added, all may have given it up.
      const { holders, keys, ports } = this.#holding(entry.owners);
      const isNone = holders.length >= MOST_SHARERS || !keys.has(key) || wanted.some((port) => ports.has(port));
      if (isNone) continue;
      if (suits(entry) && this.refusal(entry, newcomer) === undefined) return entry;
    }
    return undefined;
  }

  /** Why a Service cannot have an address beside those that have it; undefined: it can. */
  refusal(entry: Entry, newcomer: Asking): Refusal | undefined {
    const holders = this.#holding(entry.owners).holders.filter(({ owner }) => owner.uid !== newcomer.owner.uid);
    if (holders.length >= MOST_SHARERS) {
      const message = `${entry.address} is had by ${MOST_SHARERS} Services already, which is the most; ask for another address`;
      return { reason: 'SharingRefused', message };
    }
    for (const holder of holders) {
      const refusal = this.#between(entry, newcomer, holder);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
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

  #holdingOf(owners: Entry['owners']): Holding {
    const holders = owners.flatMap((owner) => this.#askingOf(owner) ?? []);
    const keys = holders.flatMap(({ wish: { share } }) => share?.key ?? []);
    return { holders, keys: new Set(keys), ports: new Set(holders.flatMap(portsOf)) };
  }

  #between({ address, pool }: Entry, newcomer: Asking, holder: Asking): Refusal | undefined {
    return sharingRefusal(address, this.#pools.get(pool), newcomer, holder);
  }
}
