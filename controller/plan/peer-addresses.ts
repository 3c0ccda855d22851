import { type Family, type ParsedAddress, parseAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { PlanningNode } from './types.ts';

/** What of the cluster matters here. */
export interface Neighbourhood {
  readonly nodes: ReadonlyMap<string, PlanningNode>;
  /** Every virtual address: a node that holds one may report it as its own, but nobody must be spoken to by it. */
  readonly virtual: ReadonlySet<string>;
}

/** A node's addresses by which it can be spoken to, of one family, sorted. */
export type AddressesOf = (node: string) => readonly string[];

/** Of a group's addresses and its candidates: by which addresses its nodes speak to each other. */
export type PeerAddresses = (addresses: readonly ParsedAddress[], candidates: readonly string[]) => AddressesOf;

function addressesOf({ nodes, virtual }: Neighbourhood, family: Family): AddressesOf {
  const known = new Map<string, readonly string[]>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const parsed = (nodes.get(name)?.addresses ?? []).map(parseAddress).filter((each) => each?.family === family);
    const own = parsed.map((each) => each?.address ?? '').filter((address) => !virtual.has(address));
    const sorted = [...new Set(own)].sort(compareText);
    known.set(name, sorted);
    return sorted;
  };
}

/**
 * Finds the addresses by which nodes speak to each other. keepalived's instance is of one family, that of the address which its packets
 * name, so only families come into question that the group has an address of: the one that most candidates have, IPv4 of two equal ones.
 */
export function peerAddressesIn(neighbourhood: Neighbourhood): PeerAddresses {
  const byFamily = { 4: addressesOf(neighbourhood, 4), 6: addressesOf(neighbourhood, 6) };
  return (addresses, candidates) => {
    const count = (family: Family) =>
      addresses.some((address) => address.family === family)
        ? candidates.filter((node) => byFamily[family](node).length > 0).length
        : -1;
    return count(4) >= count(6) ? byFamily[4] : byFamily[6];
  };
}
