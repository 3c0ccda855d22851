import * as z from 'zod';
import { ip } from './netns.ts';

const interfacesSchema = z.array(
  z.looseObject({
    ifname: z.string().optional(),
    addr_info: z.array(z.looseObject({ local: z.string().optional(), scope: z.string().optional() })).default([]),
  }),
);

/** The addresses in what `ip -j address` says that are neither on loopback nor link-local. Pure. */
export function parseAddresses(json: string): string[] {
  return interfacesSchema
    .parse(JSON.parse(json))
    .filter((link) => link.ifname !== undefined && link.ifname !== 'lo')
    .flatMap((link) => link.addr_info)
    .filter((info) => info.scope !== 'link')
    .flatMap((info) => info.local ?? []);
}

/** Addresses on the interfaces of a network namespace that are not its own. */
export async function heldBy(netns: string, own: readonly string[]): Promise<string[]> {
  const addresses = parseAddresses(await ip(['-j', 'address', 'show'], netns));
  return addresses.filter((address) => !own.includes(address));
}

/** The names of the nodes that hold an address. Pure. */
export function holdersIn(held: Readonly<Record<string, readonly string[]>>, address: string): string[] {
  return Object.entries(held).flatMap(([node, addresses]) => (addresses.includes(address) ? [node] : []));
}
