import { canonical, familyOf } from '../../common/addresses.ts';
import type { VrrpInstance } from '../desired/vrrp-instance.ts';

/** Where the other nodes are to be reached: one of them, or all on the network of an interface. */
export type Route =
  | { readonly to: 'peer'; readonly address: string }
  | { readonly to: 'group'; readonly family: 4 | 6; readonly interface: string };

/** What a node listens at, and where it sends to. */
export interface Routes {
  readonly routes: readonly Route[];
  /** Own addresses that peers know this node by. */
  readonly sources: readonly string[];
}

function routesOf({ unicast, addresses, interface: on }: VrrpInstance): Route[] {
  if (unicast !== undefined) return unicast.peers.map((address) => ({ to: 'peer', address: canonical(address) }));
  // As VRRP is: by IPv4 where the instance has an address of it.
  const family = addresses.some((each) => each.family === 4) ? 4 : 6;
  return addresses.length === 0 ? [] : [{ to: 'group', family, interface: on }];
}

/** A text that differs for routes that differ. Pure. */
export function routeKey(route: Route): string {
  return route.to === 'peer' ? route.address : `${route.family} ${route.interface}`;
}

/** Lists go where VRRP goes: who may take an address over hears them, and nothing is asked of the Kubernetes API. Pure. */
export function routesFor(instances: readonly VrrpInstance[]): Routes {
  const all = new Map(instances.flatMap(routesOf).map((route) => [routeKey(route), route]));
  const sources = instances.flatMap(({ unicast }) => (unicast === undefined ? [] : [canonical(unicast.sourceAddress)]));
  return { routes: [...all.values()], sources: [...new Set(sources)] };
}

/** Of a peer or a group. Pure. */
export function routeFamily(route: Route): 4 | 6 {
  return route.to === 'peer' ? familyOf(route.address) : route.family;
}
