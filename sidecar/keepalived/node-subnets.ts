import { BlockList, isIP } from 'node:net';
import type { NetworkInterface, NetworkView } from './network.ts';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** The family of an address that is known to be one. */
export function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4;
}

/** The form in which the kernel's addresses are shown: IPv6 compressed and in lower case (RFC 5952). */
export function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** An address of the node's own with its subnet. */
interface OwnAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly family: Family;
  readonly contains: (address: string) => boolean;
}

function bitsOf(address: string): number {
  return address.split('.').reduce((bits, byte) => bits * 256 + Number(byte), 0);
}

/** Whether an address of the same family is in the subnet. By arithmetic for IPv4: a list of blocks takes long to ask thousands of times. */
function subnetOf(network: string, prefixLength: number, family: Family): (address: string) => boolean {
  if (family === 4) {
    const size = 2 ** (32 - prefixLength);
    const block = Math.floor(bitsOf(network) / size);
    return (address) => Math.floor(bitsOf(address) / size) === block;
  }
  const subnet = new BlockList();
  subnet.addSubnet(network, prefixLength, 'ipv6');
  return (address) => subnet.check(address, 'ipv6');
}

/** Addresses that are the node's own, not virtual ones that it holds. */
function ownAddresses({ name, addresses }: NetworkInterface, virtual: ReadonlySet<string>): OwnAddress[] {
  return addresses
    .filter(({ address, prefixLength, family }) => !virtual.has(address) && prefixLength < (family === 4 ? 32 : 128))
    .map(({ address, prefixLength, family }) => {
      const contains = subnetOf(address, prefixLength, family);
      return { interface: name, address, prefixLength, family, contains };
    });
}

/**
 * The node's own subnets, by which virtual addresses find their interfaces and prefixes. Made once for all addresses: the addresses
 * that the node holds are sorted out here, of which there can be hundreds.
 */
export class NodeSubnets {
  readonly network: NetworkView;
  readonly #own: readonly OwnAddress[];

  /**
   * @param network the node's network
   * @param virtual virtual addresses in canonical form, which are nobody's own
   */
  constructor(network: NetworkView, virtual: ReadonlySet<string>) {
    this.network = network;
    this.#own = network.interfaces.flatMap((candidate) => ownAddresses(candidate, virtual));
  }

  /** Text that changes when anything changes that an instance could be resolved by. */
  get key(): string {
    const { interfaces, defaultInterface } = this.network;
    const own = this.#own.map(({ interface: on, address, prefixLength }) => [on, address, prefixLength]);
    return JSON.stringify([interfaces.map(({ name, mac }) => [name, mac]), own, defaultInterface]);
  }

  /** The node's own addresses. */
  get addresses(): ReadonlySet<string> {
    return new Set(this.#own.map(({ address }) => address));
  }

  /** The node's own addresses on an interface. */
  addressesOn(name: string, family: Family): string[] {
    return this.#own.filter((own) => own.interface === name && own.family === family).map(({ address }) => address);
  }

  /** The subnet that contains an address, on one interface or on any. */
  containing(address: string, on?: string): { interface: string; prefixLength: number } | undefined {
    const family = familyOf(address);
    return this.#own.find(
      (own) => own.family === family && (on === undefined || own.interface === on) && own.contains(address),
    );
  }
}
