import type { AddressOwner, ServiceAddress, ServiceAddressSpec } from '../../api/service-address.ts';
import { familyOf } from '../../common/addresses.ts';
import { type Entry, type Ledger, ownerKey } from './ledger.ts';
import type { ClaimChange, Reliance } from './types.ts';

/** In which order changes are written: nobody gives up an address before having the new one. */
const GAINS = 0;
const REWORDED = 1;
const RELEASES = 2;

function ownerSpec({ namespace, name, uid, by, retainSeconds }: AddressOwner): AddressOwner {
  return {
    ...{ namespace, name, uid },
    ...(by === undefined ? {} : { by }),
    ...(retainSeconds === undefined ? {} : { retainSeconds }),
  };
}

function specOf({ address, pool, sharingKey, owners, retained }: Entry): ServiceAddressSpec {
  return {
    address,
    pool,
    ...(sharingKey === undefined ? {} : { sharingKey }),
    owners: owners.map(ownerSpec),
    ...(retained === undefined ? {} : { retained }),
  };
}

/** One that goes on to have it by something else is not among the others. */
function without(owners: readonly AddressOwner[], others: readonly AddressOwner[]): AddressOwner[] {
  const keys = new Set(others.map(ownerKey));
  return owners.filter((owner) => !keys.has(ownerKey(owner)));
}

/** Whether somebody has it by a change who did not, or gets it as a load balancer. */
function isGained(change: ClaimChange): boolean {
  if (change.kind === 'delete') return false;
  const before = change.kind === 'create' ? [] : change.claim.spec.owners;
  const uids = new Set(before.map(({ uid }) => uid));
  return without(change.spec.owners, before).some(({ uid, by }) => by === undefined || !uids.has(uid));
}

function sameOwner(a: AddressOwner, b: AddressOwner | undefined): boolean {
  return a.uid === b?.uid && a.by === b.by && a.retainSeconds === b.retainSeconds;
}

function sameOwners(a: readonly AddressOwner[], b: readonly AddressOwner[]): boolean {
  return a.length === b.length && a.every((owner, index) => sameOwner(owner, b[index]));
}

function sameRetained(a: Entry['retained'], b: ServiceAddressSpec['retained']): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isForSame = a.namespace === b.namespace && a.name === b.name && a.sharingKey === b.sharingKey;
  return isForSame && a.since === b.since && a.retainSeconds === b.retainSeconds;
}

function isAsStored(entry: Entry, spec: ServiceAddressSpec): boolean {
  return (
    entry.pool === spec.pool &&
    entry.sharingKey === spec.sharingKey &&
    sameOwners(entry.owners, spec.owners) &&
    sameRetained(entry.retained, spec.retained)
  );
}

/** What those who are let go have of the same family instead. What a field says is taken away by the field alone. */
function reliances(ledger: Ledger, releases: readonly AddressOwner[], address: string): { restsOn?: Reliance[] } {
  const family = familyOf(address);
  const restsOn = releases
    .filter(({ by }) => by === undefined)
    .flatMap((owner) =>
      ledger
        .of(owner.uid)
        .filter((entry) => entry.family === family)
        .map((entry) => ({ owner, address: entry.address })),
    );
  return restsOn.length === 0 ? {} : { restsOn };
}

function changeOf(claim: ServiceAddress, ledger: Ledger): ClaimChange | undefined {
  const { owners, address } = claim.spec;
  const entry = ledger.get(address);
  if (entry !== undefined && isAsStored(entry, claim.spec)) return undefined;
  const releases = without(owners, entry?.owners ?? []);
  const rest = { releases, ...reliances(ledger, releases, address) };
  if (entry === undefined) return { kind: 'delete', claim, ...rest };
  return { kind: 'update', claim, spec: specOf(entry), ...rest };
}

function rankOf(change: ClaimChange): number {
  if (isGained(change)) return GAINS;
  return change.kind === 'delete' || change.releases.length > 0 ? RELEASES : REWORDED;
}

/**
 * What has to be written so that claims say what was decided. Pure.
 * @param claims of each address one, as stored
 * @param refuse claims that are to go
 */
export function claimChanges(
  claims: readonly ServiceAddress[],
  refuse: readonly ServiceAddress[],
  ledger: Ledger,
): ClaimChange[] {
  const stored = new Set(claims.map(({ spec }) => spec.address));
  const made = [...ledger.entries()].filter(({ address }) => !stored.has(address));
  const changes: ClaimChange[] = [
    ...claims.flatMap((claim) => changeOf(claim, ledger) ?? []),
    ...made.map((entry): ClaimChange => ({ kind: 'create', spec: specOf(entry), releases: [] })),
    ...refuse.map((claim): ClaimChange => ({ kind: 'delete', claim, releases: [...claim.spec.owners] })),
  ];
  return changes.sort((a, b) => rankOf(a) - rankOf(b));
}
