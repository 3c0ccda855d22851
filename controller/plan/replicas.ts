import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import type { ParsedAddress } from '../../common/addresses.ts';
import { count } from '../text/sentences.ts';
import type { Claims } from './claims.ts';
import type { DraftGroup } from './grouping.ts';
import type { Ranking } from './ranking.ts';
import type { Demand, Problem, RouterIdRange } from './types.ts';

/*
 * Addresses that some of the nodes have on lo: as many as there are seats. A seat is a group without addresses. Its VRRP instance elects one
 * node, and who has a seat has the addresses. See docs/adr/0076-a-seat-for-each-replica.md.
 */

/** How many seats a demand has: none where it has no address, or one node or all have its addresses. Pure. */
export function seatCount({ replicas = 0 }: Demand, { accepted }: Claims): number {
  return accepted.length === 0 ? 0 : replicas;
}

/** The seats of the last plan that are still there. Pure. */
export function keepSeats(previous: readonly AddressGroup[], seats: number): DraftGroup[] {
  const bySlot = new Map(previous.map((group) => [group.slot, group]));
  return [...bySlot.values()]
    .filter(({ slot, addresses }) => slot < seats && addresses.length === 0)
    .toSorted((a, b) => a.slot - b.slot)
    .map(({ slot, virtualRouterId, nodes }) => ({ slot, virtualRouterId, addresses: [], previousNodes: nodes }));
}

/** The same groups as seats: where VRRP is spoken is found by the demand's first address. Pure. */
export function asSeats(groups: readonly DraftGroup[], { accepted: [like] }: Pick<Claims, 'accepted'>): DraftGroup[] {
  return groups.map((group) => ({ ...group, ...(like === undefined ? {} : { like: like satisfies ParsedAddress }) }));
}

/** A node that is first of no seat yet: the one that has the fewest addresses of others. */
function leastUsed(nodes: readonly string[], taken: ReadonlySet<string>, elsewhere: (node: string) => number) {
  const free = nodes.filter((node) => !taken.has(node));
  const fewest = Math.min(...free.map(elsewhere));
  return free.find((node) => elsewhere(node) === fewest);
}

/** The first node of each seat, all of them different; undefined where there are more seats than nodes. Who is first stays so. */
function firstNodes(seats: readonly DraftGroup[], nodes: readonly string[], elsewhere: (node: string) => number) {
  const taken = new Set<string>();
  const take = (node: string | undefined): string | undefined => {
    if (node === undefined || taken.has(node)) return undefined;
    taken.add(node);
    return node;
  };
  const kept = seats.map(({ previousNodes: [first] }) =>
    take(first !== undefined && nodes.includes(first) ? first : undefined),
  );
  return kept.map((first) => first ?? take(leastUsed(nodes, taken, elsewhere)));
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/**
 * Nodes in order of preference for each seat: a different first one, then those that are first of none, in an order that differs from seat to
 * seat, and last who is first of another. So each node that is left without a seat is asked before one would have two. Pure.
 * @returns for each seat names of nodes; empty when there is no node
 */
export function seatOrders(
  seats: readonly DraftGroup[],
  { nodes, cordoned, maxCandidates, elsewhere }: Omit<Ranking, 'groups'>,
): string[][] {
  const usable = nodes.length > 0 ? nodes : cordoned;
  const firsts = firstNodes(seats, usable, elsewhere);
  const others = usable.filter((node) => !firsts.includes(node));
  return seats.map((_, seat) => {
    const spare = rotated(others, Math.floor(seat / 2));
    const order = [...(seat % 2 === 0 ? spare : spare.reverse()), ...rotated(firsts, seat + 1)];
    const all = [firsts[seat], ...order, ...cordoned].filter((node) => node !== undefined);
    return [...new Set(all)].slice(0, maxCandidates);
  });
}

/** Why fewer nodes than asked for have the addresses. Pure. */
export function replicaProblems(
  { replicas }: Demand,
  { seats, wanted, nodes }: { readonly seats: number; readonly wanted: number; readonly nodes: number },
  { first, last }: RouterIdRange,
): Problem[] {
  if (replicas === undefined || wanted === 0) return [];
  if (seats < wanted) {
    const message = `each of ${count(wanted, 'replica')} needs a router id, and of those from ${first} to ${last} only ${seats} can be had: ${seats === 0 ? 'no node has' : `at most ${count(seats, 'node')} have`} the addresses; widen vrrp.virtualRouterIds, remove a pool, or lower replicas`;
    return [{ kind: 'RouterIdsExhausted', message }];
  }
  if (nodes === 0 || nodes >= wanted) return [];
  const message = `${count(wanted, 'node')} are to have the addresses, and only ${nodes} may: choose more nodes by nodeSelector or tolerations, or lower replicas`;
  return [{ kind: 'FewerNodesThanReplicas', message }];
}
