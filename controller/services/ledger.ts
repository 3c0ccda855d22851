import type { AddressOwner, ServiceAddress, ServiceAddressSpec } from '../../api/service-address.ts';
import { type Family, familyOf } from '../../common/addresses.ts';

/** Who may have an address back. */
export type RetainedFor = NonNullable<ServiceAddressSpec['retained']>;

/** An address that somebody has, or may have back. */
export interface Entry {
  readonly address: string;
  readonly family: Family;
  /** Whether there is a claim of it. */
  readonly stored: boolean;
  pool: string;
  sharingKey: string | undefined;
  /** Those that had it first are first. */
  owners: readonly AddressOwner[];
  /** There, if it has no owner. */
  retained: RetainedFor | undefined;
}

/** By what a Service has an address: it may have some as a load balancer, and others by spec.externalIPs. Pure. */
export function ownerKey({ uid, by }: Pick<AddressOwner, 'uid' | 'by'>): string {
  return by === undefined ? uid : `${uid}/${by}`;
}

function entryOf({ spec }: ServiceAddress): Entry {
  const { address, pool, sharingKey } = spec;
  const owners = spec.owners.filter(({ uid }, index) => spec.owners.findIndex((other) => other.uid === uid) === index);
  const retained = owners.length === 0 ? spec.retained : undefined;
  return { address, family: familyOf(address), stored: true, pool, sharingKey, owners, retained };
}

/** Who has which address while it is decided. Written to claims only when all is. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #byOwner = new Map<string, Entry[]>();

  /** @param claims of each address one */
  constructor(claims: readonly ServiceAddress[]) {
    for (const claim of claims) {
      const entry = entryOf(claim);
      this.#entries.set(entry.address, entry);
      for (const owner of entry.owners) this.#ofOwner(ownerKey(owner)).push(entry);
    }
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  get(address: string): Entry | undefined {
    return this.#entries.get(address);
  }

  /** What a Service has. @param key its uid for what it has as a load balancer; else see {@link ownerKey} */
  of(key: string): readonly Entry[] {
    return this.#byOwner.get(key) ?? [];
  }

  /** Gives an address to a Service, beside those that have it. If it has it by something else, it has it by this from now on. */
  give(address: string, pool: string, owner: AddressOwner, sharingKey: string | undefined): void {
    const entry = this.#entries.get(address) ?? this.#open(address, pool);
    const before = entry.owners.find(({ uid }) => uid === owner.uid);
    if (before !== undefined) {
      this.turn(entry, before, owner);
      return;
    }
    // One that only waited for its Service begins anew.
    if (entry.owners.length === 0) Object.assign(entry, { pool, sharingKey, retained: undefined });
    entry.owners = [...entry.owners, owner];
    this.#ofOwner(ownerKey(owner)).push(entry);
  }

  /** A Service goes on to have an address, on other terms. */
  reword(entry: Entry, owner: AddressOwner): void {
    entry.owners = entry.owners.map((each) => (each.uid === owner.uid ? owner : each));
  }

  /** A Service goes on to have an address, but by something else. */
  turn(entry: Entry, from: AddressOwner, to: AddressOwner): void {
    this.reword(entry, to);
    this.#leave(entry, from);
    this.#ofOwner(ownerKey(to)).push(entry);
  }

  /**
   * Takes a Service off an address.
   * @param retainedSince when it is the last: since when the address waits for it; undefined: it does not
   */
  letGo(entry: Entry, owner: AddressOwner, retainedSince: string | undefined): void {
    entry.owners = entry.owners.filter(({ uid }) => uid !== owner.uid);
    this.#leave(entry, owner);
    if (entry.owners.length > 0) return;
    if (retainedSince === undefined) {
      this.free(entry);
      return;
    }
    const { namespace, name, retainSeconds } = owner;
    const { sharingKey } = entry;
    entry.retained = {
      namespace,
      name,
      ...(sharingKey === undefined ? {} : { sharingKey }),
      since: retainedSince,
      ...(retainSeconds === undefined ? {} : { retainSeconds }),
    };
  }

  /** Nobody has it, and nobody may have it back. */
  free(entry: Entry): void {
    entry.retained = undefined;
    this.#entries.delete(entry.address);
  }

  #leave(entry: Entry, owner: AddressOwner): void {
    const key = ownerKey(owner);
    this.#byOwner.set(
      key,
      this.of(key).filter((other) => other !== entry),
    );
  }

  #open(address: string, pool: string): Entry {
    const entry: Entry = {
      address,
      family: familyOf(address),
      stored: false,
      pool,
      sharingKey: undefined,
      owners: [],
      retained: undefined,
    };
    this.#entries.set(address, entry);
    return entry;
  }

  #ofOwner(key: string): Entry[] {
    const known = this.#byOwner.get(key);
    if (known !== undefined) return known;
    const made: Entry[] = [];
    this.#byOwner.set(key, made);
    return made;
  }
}
