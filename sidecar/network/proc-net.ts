import { type AddressBits, canonical, HOST_PREFIX_LENGTH, ipv4Of, subnetOf } from '../../common/addresses.ts';

/* What the files below /proc/net say of a network namespace (proc_pid_net(5)). Pure: texts in, facts out. */

/** A subnet that an interface is directly connected to. */
export interface ConnectedRoute {
  readonly interface: string;
  readonly prefixLength: number;
  readonly contains: (address: AddressBits) => boolean;
}

interface Route4 {
  readonly interface: string;
  readonly destination: number;
  readonly gateway: number;
  readonly metric: number;
  readonly mask: number;
}

/** The kernel prints addresses as numbers in the processor's byte order, which is little-endian wherever this runs. */
function fromLittleEndian(hex: string): number {
  const bytes = hex.match(/../g) ?? [];
  return Number.parseInt(bytes.toReversed().join(''), 16);
}

/** A line of /proc/net/route has these up to the mask, and more. */
const ROUTE_FIELDS = 8;

function routes4(procNetRoute: string): Route4[] {
  return procNetRoute
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= ROUTE_FIELDS)
    .map(([on = '', destination = '', gateway = '', , , , metric = '0', mask = '']) => ({
      interface: on,
      destination: fromLittleEndian(destination),
      gateway: fromLittleEndian(gateway),
      metric: Number(metric),
      mask: fromLittleEndian(mask),
    }));
}

/** Interface names from the text of /proc/net/dev, which also has those without an address. */
export function parseInterfaceNames(procNetDev: string): string[] {
  return [...procNetDev.matchAll(/^\s*([^\s:]+):/gm)].map((match) => match[1] ?? '');
}

/** The interface of the IPv4 default route with the lowest metric, from the text of /proc/net/route. */
export function parseDefaultRoute4(procNetRoute: string): string | undefined {
  const found = routes4(procNetRoute).filter(({ destination, mask }) => destination === 0 && mask === 0);
  return found.toSorted((a, b) => a.metric - b.metric)[0]?.interface;
}

/** The subnets of the interfaces, from the text of /proc/net/route; there while an interface is up, with a carrier or without. */
export function parseConnectedRoutes4(procNetRoute: string): ConnectedRoute[] {
  return routes4(procNetRoute)
    .filter(({ gateway, mask }) => gateway === 0 && mask !== 0)
    .map(({ interface: on, destination, mask }) => {
      const prefixLength = HOST_PREFIX_LENGTH[4] - Math.log2(2 ** HOST_PREFIX_LENGTH[4] - mask);
      return { interface: on, prefixLength, contains: subnetOf(ipv4Of(destination), prefixLength) };
    });
}

/** The node's own IPv4 addresses, without their interfaces, from the text of /proc/net/fib_trie. */
export function parseLocalAddresses4(fibTrie: string): string[] {
  const found = [...fibTrie.matchAll(/^\s+\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL$/gm)];
  return [...new Set(found.map((match) => match[1] ?? ''))];
}

/** Every IPv6 address by interface, from the text of /proc/net/if_inet6, whatever the interface's state. */
export function parseAddresses6(ifInet6: string): Map<string, { address: string; prefixLength: number; family: 6 }[]> {
  const found = new Map<string, { address: string; prefixLength: number; family: 6 }[]>();
  for (const line of ifInet6.split('\n')) {
    const [hex = '', , prefix = '', , , name] = line.trim().split(/\s+/);
    if (name === undefined || !/^[0-9a-f]{32}$/.test(hex)) continue;
    const address = canonical((hex.match(/.{4}/g) ?? []).join(':'));
    found.set(name, [...(found.get(name) ?? []), { address, prefixLength: Number.parseInt(prefix, 16), family: 6 }]);
  }
  return found;
}

/** The interface of the IPv6 default route with the lowest metric, from the text of /proc/net/ipv6_route. */
export function parseDefaultRoute6(procNetIpv6Route: string): string | undefined {
  const routes = procNetIpv6Route
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      (fields) => fields[0] === '0'.repeat(32) && fields[1] === '00' && fields[9] !== undefined && fields[9] !== 'lo',
    )
    .toSorted((a, b) => Number.parseInt(a[5] ?? '0', 16) - Number.parseInt(b[5] ?? '0', 16));
  return routes[0]?.[9];
}
