import { canonical, type Family, familyOf, type NodeSubnets } from './node-subnets.ts';

/** A virtual address and where it goes. */
export interface VirtualAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: Family;
  readonly interface: string;
}

/** What is asked of a VRRP instance, before it is known what this node's network makes of it. */
export interface InstanceWish {
  readonly name: string;
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  readonly advertIntervalSeconds: number;
  /** Interface that VRRP is spoken on, by name or MAC address; empty: the one of the first address. */
  readonly interface: string;
  /** Interface of the addresses, by name or MAC address; empty: found by subnet. */
  readonly addressInterface: string;
  /** With or without a prefix. */
  readonly addresses: readonly string[];
  /** Empty: multicast. */
  readonly unicastPeers: readonly string[];
  /** What the user calls these, for messages. */
  readonly fields: WishFields;
}

/** Names of the fields that a wish came from. */
export interface WishFields {
  readonly addresses: string;
  readonly addressInterface: string;
  readonly interface: string;
  readonly unicastPeers: string;
  /** The one to set where no interface is found. */
  readonly choice: string;
}

/** One VRRP instance as this node is to run it: everything found that the settings leave open. */
export interface VrrpInstance {
  readonly name: string;
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  readonly advertIntervalSeconds: number;
  readonly interface: string;
  readonly addresses: readonly VirtualAddress[];
  /** Absent: multicast. */
  readonly unicast?: { readonly sourceAddress: string; readonly peers: readonly string[] };
  /** Version 2 only (RFC 3768 had it already removed; keepalived still speaks it). */
  readonly authPassword?: string;
}

/** A wish cannot be carried out on this node, for now at least: an interface or an address is missing. */
export class InstanceError extends Error {
  readonly code = 'INSTANCE_UNRESOLVED';
}

/** The addresses of wishes in canonical form, without prefixes. */
export function virtualAddresses(wishes: readonly Pick<InstanceWish, 'addresses'>[]): Set<string> {
  return new Set(wishes.flatMap(({ addresses }) => addresses.map((text) => canonical(text.split('/')[0] ?? text))));
}

function isMac(choice: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(choice);
}

function known({ network }: NodeSubnets): string {
  return network.interfaces.map(({ name, mac }) => (mac === '' ? name : `${name} (${mac})`)).join(', ');
}

function chosenInterface(field: string, choice: string, subnets: NodeSubnets): string {
  const { interfaces } = subnets.network;
  const found = isMac(choice)
    ? interfaces.find(({ mac }) => mac === choice.toLowerCase())
    : interfaces.find(({ name }) => name === choice);
  if (found === undefined) {
    throw new InstanceError(`${field}: this node has no interface ${choice}; it has ${known(subnets)}`);
  }
  return found.name;
}

/** The interface whose subnet contains the address, else the default route's: the address then has to be routed to the node. */
function foundInterface(address: string, fields: WishFields, subnets: NodeSubnets): string {
  const found = subnets.containing(address)?.interface ?? subnets.network.defaultInterface[familyOf(address)];
  if (found === undefined) {
    throw new InstanceError(
      `${fields.addresses}: no interface of this node has a subnet with ${address}, and there is no default route; ` +
        `set ${fields.choice} to one of ${known(subnets)}`,
    );
  }
  return found;
}

function prefixLengthOf(address: string, given: string | undefined, on: string, subnets: NodeSubnets): number {
  if (given !== undefined) return Number(given);
  return subnets.containing(address, on)?.prefixLength ?? (familyOf(address) === 4 ? 32 : 128);
}

function resolveAddresses({ addresses, addressInterface, version, fields }: InstanceWish, subnets: NodeSubnets) {
  const chosen =
    addressInterface === '' ? undefined : chosenInterface(fields.addressInterface, addressInterface, subnets);
  return addresses.map((text): VirtualAddress => {
    const [given = text, prefix] = text.split('/');
    const address = canonical(given);
    const family = familyOf(address);
    // keepalived would refuse the whole configuration.
    if (family === 6 && version === 2) {
      throw new InstanceError(`${fields.addresses}: ${address} is IPv6, which needs version 3 of VRRP`);
    }
    const name = chosen ?? foundInterface(address, fields, subnets);
    return { address, prefixLength: prefixLengthOf(address, prefix, name, subnets), family, interface: name };
  });
}

function resolveUnicast(
  { unicastPeers, fields }: InstanceWish,
  interfaceName: string,
  nodeAddress: string,
  subnets: NodeSubnets,
) {
  if (unicastPeers.length === 0) return undefined;
  const own = subnets.addresses;
  const peers = unicastPeers.map(canonical).filter((peer) => !own.has(peer) && peer !== nodeAddress);
  const first = peers[0];
  const field = fields.unicastPeers;
  // keepalived takes an empty list of peers for multicast, which the user did not ask for.
  if (first === undefined)
    throw new InstanceError(`${field}: has no other node than this one; add the others or leave it empty`);
  const family = familyOf(first);
  if (peers.some((peer) => familyOf(peer) !== family)) {
    throw new InstanceError(`${field}: has IPv4 and IPv6 addresses; a VRRP instance speaks one of them`);
  }
  const sources = subnets.addressesOn(interfaceName, family);
  const sourceAddress = sources.find((address) => address === nodeAddress) ?? sources[0];
  if (sourceAddress === undefined) {
    throw new InstanceError(`${field}: ${interfaceName} has no IPv${family} address to send from`);
  }
  return { sourceAddress, peers };
}

/**
 * Finds what a wish leaves open: interfaces, prefixes, this node among the peers.
 * @param options.nodeAddress the node's address as the downward API gives it, or ''
 * @throws {InstanceError} when the node's network does not allow it
 */
export function resolveInstance(
  wish: InstanceWish,
  subnets: NodeSubnets,
  options: { nodeAddress: string; authPassword?: string | undefined },
): VrrpInstance {
  const addresses = resolveAddresses(wish, subnets);
  const interfaceName =
    wish.interface === ''
      ? (addresses[0]?.interface ?? '')
      : chosenInterface(wish.fields.interface, wish.interface, subnets);
  const unicast = resolveUnicast(wish, interfaceName, options.nodeAddress, subnets);
  return {
    name: wish.name,
    version: wish.version,
    virtualRouterId: wish.virtualRouterId,
    advertIntervalSeconds: wish.advertIntervalSeconds,
    interface: interfaceName,
    addresses,
    ...(unicast === undefined ? {} : { unicast }),
    ...(options.authPassword === undefined ? {} : { authPassword: options.authPassword }),
  };
}
