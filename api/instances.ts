import * as z from 'zod';
import type { Family } from '../common/addresses.ts';

/*
 * What VRRP instances are called, by whom a node's programs, the controller and keepalived's files know them.
 */

/** The node's own instance, which has the addresses of the settings; what concerns a node as a whole goes by it, too. */
export const NODE_INSTANCE = 'vip';

/** Router ids that there are (RFC 9568 section 5.2.3): each instance on a network has one of its own. */
export const ROUTER_IDS = { least: 1, most: 255 } as const;
/** One of them. */
export const routerId = z.int().min(ROUTER_IDS.least).max(ROUTER_IDS.most);

/**
 * Multicast groups that instances may speak in among themselves, by the last number of 224.0.0.0/24: those that are nobody's
 * (https://www.iana.org/assignments/multicast-addresses). Switches flood all of that network, whatever they snoop.
 */
export const MULTICAST_GROUPS = { least: 151, most: 250 } as const;
/** One of them. */
export const multicastGroup = z.int().min(MULTICAST_GROUPS.least).max(MULTICAST_GROUPS.most);

/**
 * The address of a multicast group. That of IPv6 is one of those that are assigned to nobody for good (RFC 4291 section 2.7, flag T), and stays
 * on the link, as keepalived asks. Pure.
 */
export function multicastAddress(group: number, family: Family): string {
  return family === 4 ? `224.0.0.${group}` : `ff12::${group.toString(16)}`;
}

/**
 * What stands for a pool where addresses of it are placed by themselves, because they are of Services with externalTrafficPolicy Local: no
 * pool is called so.
 */
export const LOCAL_POOL = /^svc-[0-9a-f]{10}$/;

/** A name of {@link LOCAL_POOL}. Pure. @param digest of what tells it from others, in hexadecimal digits */
export function localPool(digest: string): string {
  return `svc-${digest.slice(0, 10)}`;
}

/** The name of a pool's instance; no pool's is the node's own. */
export const POOL_INSTANCE = /^[a-z0-9][-a-z0-9]*-[0-9]{1,5}$/;

/** Name of a pool's VRRP instance. No two have one: what follows the last hyphen is the slot. Pure. */
export function poolInstance(pool: string, slot: number): string {
  return `${pool}-${slot}`;
}

/** Name of the pool that an instance of a pool belongs to. Pure. */
export function poolOfInstance(instance: string): string {
  return instance.slice(0, instance.lastIndexOf('-'));
}
