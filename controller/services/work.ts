import { type AddressOwner, claimName, type ServiceAddress } from '../../api/service-address.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { Admission } from './admission.ts';
import { externalAsking } from './external.ts';
import { type Entry, Ledger, ownerKey } from './ledger.ts';
import { PoolBook, retainMsOf } from './pool-book.ts';
import { endRetention, timeText } from './retained.ts';
import { isServed } from './serving.ts';
import { Sharers } from './sharers.ts';
import type { Asking } from './sharing.ts';
import type { AllocationInput, LoadBalancerService } from './types.ts';
import { ownerOf, wishOf } from './wishes.ts';

/** All that one decision is made with. */
export interface Work {
  readonly input: AllocationInput;
  /** Claims that count. */
  readonly claims: readonly ServiceAddress[];
  /** Claims that do not, and are to go. */
  readonly misnamed: readonly ServiceAddress[];
  /** Services that are served, the oldest first. */
  readonly asking: readonly Asking[];
  /** Services of any type that have something in spec.externalIPs, the oldest first. */
  readonly external: readonly Asking[];
  /** All of them by their keys as owners. */
  readonly askers: ReadonlyMap<string, Asking>;
  readonly pools: PoolBook;
  readonly admission: Admission;
  readonly ledger: Ledger;
  readonly sharers: Sharers;
}

/** Of those of one age the first by name. Pure. */
export function oldestFirst(a: LoadBalancerService, b: LoadBalancerService): number {
  return (
    a.metadata.createdMs - b.metadata.createdMs ||
    compareText(a.metadata.namespace, b.metadata.namespace) ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

function balancerAsking(service: LoadBalancerService, settings: AllocationInput['settings']): Asking {
  const wish = wishOf(service, settings);
  return { service, owner: ownerOf(service, wish), wish };
}

/**
 * A claim that is not named after its address does not keep anybody from claiming it. Nor does one whose address is in another notation, as the
 * API server lets it pass by hand (fd00:0:0:0:0:0:0:1): it is compared with none, and keeps the name from the one that is.
 */
function isNamedAfterAddress({ metadata, spec }: ServiceAddress): boolean {
  return metadata.name === claimName(spec.address) && spec.address === canonical(spec.address);
}

/** Moves an address that its pool does not have any more to one that has it. It stays whose it is. */
function rehouse({ ledger, pools }: Pick<Work, 'ledger' | 'pools'>): void {
  for (const entry of ledger.entries()) {
    if (!pools.has(entry.pool, entry.address)) entry.pool = pools.ownerOf(entry.address)?.name ?? entry.pool;
  }
}

/** What of the work decides on who goes on to have an address. */
type Having = Pick<Work, 'ledger' | 'pools' | 'input' | 'askers'>;

/** The Service, if its spec.externalIPs has the address. */
function fieldOf({ askers }: Having, { uid }: AddressOwner, address: string): Asking | undefined {
  const asking = askers.get(ownerKey({ uid, by: 'ExternalIPs' }));
  return asking?.wish.listed.includes(address) === true ? asking : undefined;
}

/**
 * Takes a Service off an address, which then waits for it as long as the pool says, unless it was only about to be claimed. What its
 * spec.externalIPs has it goes on to have by that.
 */
export function giveUp(work: Having, entry: Entry, owner: AddressOwner): void {
  const { ledger, pools, input } = work;
  const field = owner.by === undefined ? fieldOf(work, owner, entry.address) : undefined;
  if (field !== undefined) {
    ledger.turn(entry, owner, field.owner);
    return;
  }
  const pool = pools.get(entry.pool);
  const isOfPool = entry.stored && pool !== undefined && pools.has(entry.pool, entry.address);
  const waits = isOfPool && retainMsOf(pool, owner.retainSeconds) > 0;
  ledger.letGo(entry, owner, waits ? timeText(input.nowMs) : undefined);
}

/** Whether a Service goes on to have an address. One of spec.externalIPs that its load balancer names now it gets as such, and has so long. */
function isKept(work: Having, { address }: Entry, owner: AddressOwner): boolean {
  const served = work.askers.get(owner.uid);
  if (owner.by === undefined) return served !== undefined;
  return fieldOf(work, owner, address) !== undefined || served?.wish.listed.includes(address) === true;
}

/** Takes off those that do not have it any more. The first of several is the last to go: the address waits for it. */
function letGoers(work: Having): void {
  for (const entry of [...work.ledger.entries()]) {
    if (entry.owners.every((owner) => isKept(work, entry, owner))) continue;
    for (const owner of entry.owners.toReversed()) if (!isKept(work, entry, owner)) giveUp(work, entry, owner);
  }
}

/** Takes addresses off Services whose spec.externalIPs does not have them any more, though they were asked for otherwise, in vain. */
export function giveUpFields(work: Work): void {
  const { ledger, askers, admission } = work;
  for (const entry of [...ledger.entries()]) {
    for (const owner of entry.owners) {
      const served = askers.get(owner.uid)?.service;
      const isKnown = served === undefined || admission.unknownNamespace(served) === undefined;
      if (owner.by !== undefined && isKnown && fieldOf(work, owner, entry.address) === undefined) {
        giveUp(work, entry, owner);
      }
    }
  }
}

/** Takes over what is stored, puts right what became of pools, and takes off those that are not served any more. */
export function begin(input: AllocationInput): Work {
  const sorted = input.claims.toSorted((a, b) => compareText(a.metadata.name, b.metadata.name));
  const claims = sorted.filter(isNamedAfterAddress);
  const misnamed = sorted.filter((claim) => !isNamedAfterAddress(claim));
  const asking = input.services
    .filter((service) => isServed(service, input.settings))
    .toSorted(oldestFirst)
    .map((service) => balancerAsking(service, input.settings));
  const external = input.services
    .toSorted(oldestFirst)
    .flatMap((service) => externalAsking(service, input.settings) ?? []);
  const askers = new Map([...asking, ...external].map((each) => [ownerKey(each.owner), each]));
  const pools = new PoolBook(input.pools);
  const ledger = new Ledger(claims);
  rehouse({ ledger, pools });
  letGoers({ ledger, pools, input, askers });
  endRetention(ledger, pools, input.nowMs);
  const admission = new Admission(pools, input.namespaces);
  return {
    input,
    claims,
    misnamed,
    asking,
    external,
    askers,
    pools,
    admission,
    ledger,
    sharers: new Sharers(ledger.entries(), pools, askers),
  };
}
