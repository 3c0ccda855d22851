import type { AddressOwner } from '../../../api/service-address.ts';
import type { ClaimChange } from '../../services/types.ts';

/** Claims to be written, for each Service in the order in which they must be. */
export interface SortedChanges {
  /** By the Service's uid. */
  readonly ofServices: ReadonlyMap<string, readonly ClaimChange[]>;
  /** Those that are about no Service that there is. */
  readonly others: readonly ClaimChange[];
}

/** The address that a change is about. */
export function addressOf(change: ClaimChange): string {
  return change.kind === 'delete' ? change.claim.spec.address : change.spec.address;
}

/** Services that get the address by a change. Pure. */
export function gains(change: ClaimChange): readonly AddressOwner[] {
  if (change.kind === 'delete') return [];
  const before = new Set(change.kind === 'create' ? [] : change.claim.spec.owners.map(({ uid }) => uid));
  return change.spec.owners.filter(({ uid }) => !before.has(uid));
}

/**
 * Sorts changes of claims by the Service that waits for them: the one that gets the address, else one that lets it go. Pure.
 * @param known uids of the Services that there are
 */
export function sortChanges(changes: readonly ClaimChange[], known: ReadonlySet<string>): SortedChanges {
  const ofServices = new Map<string, ClaimChange[]>();
  const others: ClaimChange[] = [];
  for (const change of changes) {
    const owner = [...gains(change), ...change.releases].find(({ uid }) => known.has(uid));
    if (owner === undefined) {
      others.push(change);
      continue;
    }
    const own = ofServices.get(owner.uid) ?? [];
    ofServices.set(owner.uid, own);
    own.push(change);
  }
  return { ofServices, others };
}
