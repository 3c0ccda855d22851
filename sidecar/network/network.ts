import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { bitsOf } from '../../common/addresses.ts';
import {
  parseAddresses6,
  parseConnectedRoutes4,
  parseDefaultRoute4,
  parseDefaultRoute6,
  parseInterfaceNames,
  parseLocalAddresses4,
} from './proc-net.ts';

/** An address on an interface. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: 4 | 6;
}

/** A network interface of the node. */
export interface NetworkInterface {
  readonly name: string;
  /** Lower case; empty when it has none. */
  readonly mac: string;
  readonly addresses: readonly InterfaceAddress[];
  /** Whether it is a port of a bond or a bridge, whose MAC address it may share. */
  readonly enslaved?: boolean;
  /** Whether IPv6 is switched off on it, so that it takes no IPv6 address. */
  readonly ipv6Disabled?: boolean;
  /** Whether it is up and has a cable; absent when that is not known. */
  readonly carrier?: boolean;
}

/** What of the node's network matters here. */
export interface NetworkView {
  readonly interfaces: readonly NetworkInterface[];
  /** Names of the interfaces that the default routes leave by, IPv4 and IPv6. */
  readonly defaultInterface: { readonly 4?: string; readonly 6?: string };
}

/** Addresses by the name of their interface, for asking what is there. */
export type PresentAddresses = ReadonlyMap<string, ReadonlySet<string>>;

/** Which addresses are on which interface now; needs no privilege. Leaves out interfaces without a carrier. */
export function presentAddresses(): PresentAddresses {
  const found = Object.entries(networkInterfaces());
  return new Map(found.map(([name, entries]) => [name, new Set((entries ?? []).map(({ address }) => address))]));
}

/** IPv4 addresses of interfaces that have a carrier: Node asks the kernel for no others (libuv, `uv_interface_addresses`). */
function addressesWithCarrier4(): Map<string, InterfaceAddress[]> {
  const found = Object.entries(networkInterfaces()).map(([name, entries]) => {
    const addresses = (entries ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, cidr }) => ({ address, prefixLength: Number(cidr?.split('/')[1] ?? 32), family: 4 as const }));
    return [name, addresses] as const;
  });
  return new Map(found);
}

/**
 * Every IPv4 address by interface, also of those without a carrier: a cable that is pulled takes no address away, and the address must not
 * look for another interface then. The kernel lists these without their interface; the route of their subnet says which it is.
 */
function addresses4(route: string, fibTrie: string): Map<string, InterfaceAddress[]> {
  const found = addressesWithCarrier4();
  const known = new Set([...found.values()].flat().map(({ address }) => address));
  const silent = parseLocalAddresses4(fibTrie).filter((address) => !known.has(address));
  const routes = parseConnectedRoutes4(route).filter(({ interface: on }) => !found.get(on)?.length);
  for (const address of silent) {
    const bits = bitsOf(address);
    const subnet = routes.find(({ contains }) => contains(bits));
    if (subnet === undefined) continue;
    const { interface: on, prefixLength } = subnet;
    found.set(on, [...(found.get(on) ?? []), { address, prefixLength, family: 4 }]);
  }
  return found;
}

async function readOrEmpty(path: string): Promise<string> {
  // A node with IPv6 switched off has no ipv6_route; an interface may go while it is read. That is no error.
  return readFile(path, 'utf8').catch(() => '');
}

/** One for each pod, as plugins name them; there can be hundreds, and nobody asks for more of them than their names and addresses. */
const POD_INTERFACE = /^(veth|cali|lxc[0-9a-f]|azv|gke|tap)/;

async function describe(name: string): Promise<Omit<NetworkInterface, 'addresses'>> {
  if (POD_INTERFACE.test(name)) return { name, mac: '' };
  const of = `/sys/class/net/${name}`;
  const [mac, uevent, carrier, disabled6] = await Promise.all([
    readOrEmpty(`${of}/address`),
    readOrEmpty(`${of}/master/uevent`),
    readOrEmpty(`${of}/carrier`),
    readOrEmpty(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`),
  ]);
  return {
    name,
    mac: mac.trim().toLowerCase(),
    enslaved: uevent !== '',
    // An interface that is down has no carrier to read.
    carrier: carrier.trim() === '1',
    ipv6Disabled: disabled6.trim() !== '0',
  };
}

/** Reads the node's network from the network namespace this process is in. Needs no privilege. */
export async function readNetwork(): Promise<NetworkView> {
  const [dev, route4, fibTrie, route6, inet6] = await Promise.all(
    ['dev', 'route', 'fib_trie', 'ipv6_route', 'if_inet6'].map((file) => readOrEmpty(`/proc/self/net/${file}`)),
  );
  const found4 = addresses4(route4 ?? '', fibTrie ?? '');
  const found6 = parseAddresses6(inet6 ?? '');
  const names = new Set([...parseInterfaceNames(dev ?? ''), ...found4.keys(), ...found6.keys()]);
  const interfaces = await Promise.all(
    [...names].map(async (name) => ({
      ...(await describe(name)),
      addresses: [...(found4.get(name) ?? []), ...(found6.get(name) ?? [])],
    })),
  );
  const default4 = parseDefaultRoute4(route4 ?? '');
  const default6 = parseDefaultRoute6(route6 ?? '');
  return {
    interfaces,
    defaultInterface: {
      ...(default4 === undefined ? {} : { 4: default4 }),
      ...(default6 === undefined ? {} : { 6: default6 }),
    },
  };
}
