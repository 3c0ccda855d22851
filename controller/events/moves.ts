import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { poolReference } from '../kubernetes/references.ts';
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

/** What is to be remembered of holders; an address that nobody holds alone keeps the last one that did. Pure. */
export function rememberHolders(pools: readonly PoolView[], before: LastHolders): LastHolders {
  const holders = new Map<string, string>();
  for (const { name, addresses } of pools) {
    for (const { address, holders: now } of addresses) {
      const key = keyOf(name, address);
      const last = now.length === 1 ? now[0] : before.get(key);
      if (last !== undefined) holders.set(key, last);
    }
  }
  return holders;
}

/** The moves of one pool's addresses. Pure. */
export function movesOf({ name, addresses }: PoolView, before: LastHolders): Move[] {
  const routes = new Map<string, { from: string; to: string; addresses: string[] }>();
  for (const { address, holders } of addresses) {
    const from = before.get(keyOf(name, address));
    const [to] = holders;
    if (holders.length !== 1 || to === undefined || from === undefined || from === to) continue;
    const route = routes.get(keyOf(from, to)) ?? { from, to, addresses: [] };
    routes.set(keyOf(from, to), route);
    route.addresses.push(address);
  }
  return [...routes.values()].map((route) => ({ pool: name, ...route }));
}

/** A move as an Event. */
export function moveEvent(pool: PoolView, { from, to, addresses }: Move): ClusterEvent {
  const note = `${count(addresses.length, 'address', 'addresses')} moved from ${from} to ${to}: ${few(addresses)}`;
  return { regarding: poolReference(pool), type: 'Normal', reason: 'AddressesMoved', action: 'Move', note };
}
