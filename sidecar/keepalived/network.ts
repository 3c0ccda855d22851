import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

/** An address on an interface. */
interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: 4 | 6;
}

/** A network interface of the node. */
export interface NetworkInterface {
  readonly name: string;
  /** Lower case; empty when unknown because the interface has no address. */
  readonly mac: string;
  readonly addresses: readonly InterfaceAddress[];
}

/** What of the node's network matters here. */
export interface NetworkView {
  readonly interfaces: readonly NetworkInterface[];
  /** Names of the interfaces that the default routes leave by, IPv4 and IPv6. */
  readonly defaultInterface: { readonly 4?: string; readonly 6?: string };
}

/** Every address on every interface, as the kernel has them now; needs no privilege. */
function interfaceAddresses(): Map<string, { mac: string; addresses: InterfaceAddress[] }> {
  const found = new Map<string, { mac: string; addresses: InterfaceAddress[] }>();
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    const addresses = (entries ?? []).map((entry) => ({
      address: entry.address,
      prefixLength: Number(entry.cidr?.split('/')[1] ?? (entry.family === 'IPv4' ? 32 : 128)),
      family: entry.family === 'IPv4' ? (4 as const) : (6 as const),
    }));
    found.set(name, { mac: entries?.[0]?.mac.toLowerCase() ?? '', addresses });
  }
  return found;
}

/** Addresses by the name of their interface, for asking what is there. */
export type PresentAddresses = ReadonlyMap<string, ReadonlySet<string>>;

/** Which addresses are on which interface now; needs no privilege. */
export function presentAddresses(): PresentAddresses {
  const found = Object.entries(networkInterfaces());
  return new Map(found.map(([name, entries]) => [name, new Set((entries ?? []).map(({ address }) => address))]));
}

/** Interface names from the text of /proc/net/dev, which also has those without an address. */
export function parseInterfaceNames(procNetDev: string): string[] {
  return [...procNetDev.matchAll(/^\s*([^\s:]+):/gm)].map((match) => match[1] ?? '');
}

/** The interface of the IPv4 default route with the lowest metric, from the text of /proc/net/route. */
export function parseDefaultRoute4(procNetRoute: string): string | undefined {
  const routes = procNetRoute
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return routes[0]?.[0];
}

/** The interface of the IPv6 default route with the lowest metric, from the text of /proc/net/ipv6_route. */
export function parseDefaultRoute6(procNetIpv6Route: string): string | undefined {
  const routes = procNetIpv6Route
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      (fields) => fields[0] === '0'.repeat(32) && fields[1] === '00' && fields[9] !== undefined && fields[9] !== 'lo',
    )
    .sort((a, b) => Number.parseInt(a[5] ?? '0', 16) - Number.parseInt(b[5] ?? '0', 16));
  return routes[0]?.[9];
}

async function readOrEmpty(path: string): Promise<string> {
  // A node with IPv6 switched off has no ipv6_route; that is no error.
  return readFile(path, 'utf8').catch(() => '');
}

/** Reads the node's network from the network namespace this process is in. */
export async function readNetwork(): Promise<NetworkView> {
  const [dev, route4, route6] = await Promise.all([
    readOrEmpty('/proc/self/net/dev'),
    readOrEmpty('/proc/self/net/route'),
    readOrEmpty('/proc/self/net/ipv6_route'),
  ]);
  const addressed = interfaceAddresses();
  const names = new Set([...parseInterfaceNames(dev), ...addressed.keys()]);
  const interfaces = [...names].map((name) => ({ name, ...(addressed.get(name) ?? { mac: '', addresses: [] }) }));
  const default4 = parseDefaultRoute4(route4);
  const default6 = parseDefaultRoute6(route6);
  return {
    interfaces,
    defaultInterface: {
      ...(default4 === undefined ? {} : { 4: default4 }),
      ...(default6 === undefined ? {} : { 6: default6 }),
    },
  };
}
