import { bitsOf, familyOf } from '../../common/addresses.ts';

/**
 * An address and a port as their bytes (4 or 16, and 2 with the higher first), one character of a string for each. There can be ten
 * thousands: in this form they are compared, kept and sent as they are.
 */
export type Endpoint = string;

/** Clients by the address and the port that they are connected to. */
export type Clients = ReadonlyMap<Endpoint, ReadonlySet<Endpoint>>;

/** Bytes of the port. */
const PORT_BYTES = 2;
/** Bytes of a group of an IPv6 address as it is written. */
const GROUP_BYTES = 2;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const BYTE = 256;

/** The bytes of an address that is known to be one, without a prefix. Pure. */
export function addressBytes(address: string): string {
  // Most are of IPv4, of which there can be ten thousands a second.
  if (familyOf(address) === 4) return String.fromCharCode(...address.split('.').map(Number));
  return String.fromCharCode(...bitsOf(address).toByteArray());
}

/** The bytes of a port. Pure. */
export function portBytes(port: number): string {
  return String.fromCharCode(Math.floor(port / BYTE), port % BYTE);
}

/** An address that is known to be one, and a port. Pure. */
export function endpointOf(address: string, port: number): Endpoint {
  return addressBytes(address) + portBytes(port);
}

/** Bytes of the endpoints of a family. Pure. */
export function endpointLength(family: 4 | 6): number {
  return (family === 4 ? IPV4_BYTES : IPV6_BYTES) + PORT_BYTES;
}

/** The bytes of an endpoint's address. Pure. */
export function addressBytesOf(endpoint: Endpoint): string {
  return endpoint.slice(0, -PORT_BYTES);
}

function number16(bytes: string, at: number): number {
  return bytes.charCodeAt(at) * BYTE + bytes.charCodeAt(at + 1);
}

/** `address port`, an IPv6 address with all its groups. Pure. */
export function textOf(endpoint: Endpoint): string {
  const address = addressBytesOf(endpoint);
  const port = number16(endpoint, address.length);
  if (address.length === IPV4_BYTES) return `${[...address].map((byte) => byte.charCodeAt(0)).join('.')} ${port}`;
  const groups = Array.from({ length: IPV6_BYTES / GROUP_BYTES }, (_, index) => number16(address, index * GROUP_BYTES));
  return `${groups.map((group) => group.toString(16)).join(':')} ${port}`;
}

/** How many clients there are. Pure. */
export function countOf(clients: Clients): number {
  let count = 0;
  for (const each of clients.values()) count += each.size;
  return count;
}

function addAll(to: Map<Endpoint, Set<Endpoint>>, service: Endpoint, clients: ReadonlySet<Endpoint>): void {
  const known = to.get(service);
  if (known === undefined) to.set(service, new Set(clients));
  else for (const client of clients) known.add(client);
}

/** Clients of those addresses alone that are wanted, of all lists together. Pure. */
export function joined(all: Iterable<Clients>, wanted: (address: string) => boolean): Map<Endpoint, Set<Endpoint>> {
  const found = new Map<Endpoint, Set<Endpoint>>();
  for (const clients of all) {
    for (const [service, each] of clients) if (wanted(addressBytesOf(service))) addAll(found, service, each);
  }
  return found;
}
