import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { NodeAddresses } from '../plan/types.ts';
import type { Claim } from './holders.ts';

/*
 * Which addresses of pools are some node's own, by what sidecars list. To give such an address to another node would cut the node off; so it
 * is taken out of the plan. But a list is what one node says, and an address that others serve must not go for it.
 */

/** More addresses of a node that pools ask for, too, are no typing error. */
const MAX_COUNTING = 8;
/** For so long it is remembered that an address was held: a failover is over by then. */
const HELD_MEMORY_MS = 10 * 60_000;
/** An address is withdrawn when it was not listed for so long: a sidecar that restarts, or changes its mind all the time, changes no plan. */
const WITHDRAWAL_MS = 10_000;

/** What was made of an address when the node first listed it; it stays so until the node withdraws it. */
interface Listing {
  readonly verdict: 'counts' | 'disputed';
  /** Since when the node does not list it any more, by a clock that only grows; undefined: it does. */
  readonly withdrawnMs: number | undefined;
}

type ListingsOfNode = ReadonlyMap<string, Listing>;

/** What is remembered from one run to the next; addresses in canonical form. */
export interface OwnAddressMemory {
  /** By node, then by address. */
  readonly listings: ReadonlyMap<string, ListingsOfNode>;
  /** By address: when it was held last, whoever held it. */
  readonly heldMs: ReadonlyMap<string, number>;
}

/** Before anything was listed. */
export const NOTHING_LISTED: OwnAddressMemory = { listings: new Map(), heldMs: new Map() };

/** What sidecars' lists come to. */
export interface OwnAddresses {
  readonly memory: OwnAddressMemory;
  readonly addresses: NodeAddresses;
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

interface Circumstances {
  /** Addresses that pools ask for, in canonical form. */
  readonly requested: ReadonlySet<string>;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** Of a clock that only grows. */
  readonly nowMs: number;
}

function heldAt(before: OwnAddressMemory['heldMs'], { holders, nowMs }: Circumstances): Map<string, number> {
  const kept = [...before].filter(([, atMs]) => nowMs - atMs < HELD_MEMORY_MS);
  const held = [...holders].filter(([, claims]) => claims.length > 0);
  return new Map([...kept, ...held.map(([address]) => [address, nowMs] as const)]);
}

/** What is left of what the node listed before: all that it lists still, or did a moment ago. */
function lasting(
  before: ListingsOfNode,
  listed: ReadonlySet<string>,
  { requested, nowMs }: Circumstances,
): [string, Listing][] {
  return [...before].flatMap(([address, { verdict, withdrawnMs = nowMs }]): [string, Listing][] => {
    if (!requested.has(address)) return [];
    if (listed.has(address)) return [[address, { verdict, withdrawnMs: undefined }]];
    return nowMs - withdrawnMs < WITHDRAWAL_MS ? [[address, { verdict, withdrawnMs }]] : [];
  });
}

function weigh(
  { status }: NodePlan,
  before: ListingsOfNode,
  heldMs: OwnAddressMemory['heldMs'],
  circumstances: Circumstances,
): ListingsOfNode {
  const subnets = (status?.addresses ?? []).map((subnet) => canonical(subnet));
  const listed = new Set(subnets.filter((address) => circumstances.requested.has(address)));
  const listings = new Map(lasting(before, listed, circumstances));
  let counting = [...listings.values()].filter(({ verdict }) => verdict === 'counts').length;
  for (const address of [...listed].filter((each) => !listings.has(each)).sort(compareText)) {
    // What somebody served was no node's own when that began; also its holder may not know it again after a restart.
    const counts = counting < MAX_COUNTING && !heldMs.has(address);
    if (counts) counting += 1;
    listings.set(address, { verdict: counts ? 'counts' : 'disputed', withdrawnMs: undefined });
  }
  return listings;
}

function reviewAt(listings: OwnAddressMemory['listings']): number | undefined {
  const withdrawn = [...listings.values()].flatMap((own) => [...own.values()].map(({ withdrawnMs }) => withdrawnMs));
  const known = withdrawn.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known) + WITHDRAWAL_MS;
}

function nodesBy(listings: OwnAddressMemory['listings'], expected: Listing['verdict']): Map<string, string> {
  const entries = [...listings].flatMap(([node, own]) =>
    [...own].filter(([, { verdict }]) => verdict === expected).map(([address]) => [address, node] as const),
  );
  // Of two that list it, the first by name is named.
  return new Map(entries.sort(([, a], [, b]) => compareText(b, a)));
}

/**
 * Finds out which addresses of pools are nodes' own. Pure.
 *
 * A listing counts when nobody held the address as it was first seen, nor some minutes before. It then counts until it is withdrawn, and
 * one that does not goes on not to count, also when the holder fails: a node that lies could wait for that.
 *
 * @param plans of all nodes, with their status
 * @param circumstances what pools ask for, and who holds what
 * @param before what the last run remembered
 */
export function ownAddresses(
  plans: readonly NodePlan[],
  circumstances: Circumstances,
  before: OwnAddressMemory,
): OwnAddresses {
  const heldMs = heldAt(before.heldMs, circumstances);
  const listings = new Map(
    plans
      .map((plan) => {
        const { name } = plan.metadata;
        return [name, weigh(plan, before.listings.get(name) ?? new Map(), heldMs, circumstances)] as const;
      })
      .filter(([, own]) => own.size > 0),
  );
  const addresses = { counting: nodesBy(listings, 'counts'), disputed: nodesBy(listings, 'disputed') };
  return { memory: { listings, heldMs }, addresses, reviewAtMs: reviewAt(listings) };
}
