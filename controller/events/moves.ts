import type { ServiceAddress } from '../../api/service-address.ts';
import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { poolReference, serviceReference } from '../kubernetes/references.ts';
import { count, few } from '../text/sentences.ts';
import { keyOf, type PoolView } from './pool-view.ts';

/** That addresses of a pool went from one node to another. */
export interface Move {
  readonly pool: string;
  readonly addresses: readonly string[];
  readonly from: string;
  readonly to: string;
}

/** By pool and address: the last node that held it alone. */
export type LastHolders = ReadonlyMap<string, string>;

/** Where every node has an address, none moves. */
function movable({ addresses }: PoolView): PoolView['addresses'] {
  return addresses.filter(({ everywhere }) => everywhere !== true);
}

/** What is to be remembered of holders; an address that nobody holds alone keeps the last one that did. Pure. */
export function rememberHolders(pools: readonly PoolView[], before: LastHolders): LastHolders {
  const holders = new Map<string, string>();
  for (const pool of pools) {
    for (const { address, holders: now } of movable(pool)) {
      const key = keyOf(pool.name, address);
      const last = now.length === 1 ? now[0] : before.get(key);
      if (last !== undefined) holders.set(key, last);
    }
  }
  return holders;
}

/** The moves of one pool's addresses. Pure. */
export function movesOf(pool: PoolView, before: LastHolders): Move[] {
  const { name } = pool;
  const routes = new Map<string, { from: string; to: string; addresses: string[] }>();
  for (const { address, holders } of movable(pool)) {
    const from = before.get(keyOf(name, address));
    const [to] = holders;
    if (holders.length !== 1 || to === undefined || from === undefined || from === to) continue;
    const route = routes.get(keyOf(from, to)) ?? { from, to, addresses: [] };
    routes.set(keyOf(from, to), route);
    route.addresses.push(address);
  }
  return [...routes.values()].map((route) => ({ pool: name, ...route }));
}

/**
 * Moves as Events on the Services whose addresses moved. Pure.
 * @param claims on addresses, in canonical form
 */
export function serviceMoveEvents(moves: readonly Move[], claims: readonly ServiceAddress[]): ClusterEvent[] {
  if (moves.length === 0) return [];
  const owners = new Map(claims.map(({ spec }) => [spec.address, spec.owners]));
  return moves.flatMap(({ from, to, addresses }) =>
    addresses.flatMap((address) =>
      (owners.get(address) ?? []).map((owner): ClusterEvent => {
        const note = `${address} moved from ${from} to ${to}`;
        return { regarding: serviceReference(owner), type: 'Normal', reason: 'AddressMoved', action: 'Move', note };
      }),
    ),
  );
}

/** A move as an Event. */
export function moveEvent(pool: PoolView, { from, to, addresses }: Move): ClusterEvent {
  const note = `${count(addresses.length, 'address', 'addresses')} moved from ${from} to ${to}: ${few(addresses)}`;
  return { regarding: poolReference(pool), type: 'Normal', reason: 'AddressesMoved', action: 'Move', note };
}
