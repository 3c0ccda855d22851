import { BlockList, isIP } from 'node:net';
import { canonicalAddress, type Family } from '../api/addresses.ts';

export type { Family };

/** The family of an address that is known to be one. */
export function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4;
}

/** The form in which the kernel's addresses are shown: IPv6 compressed and in lower case (RFC 5952). */
export function canonical(address: string): string {
  return canonicalAddress(address) ?? address;
}

function bitsOf(address: string): number {
  return address.split('.').reduce((bits, byte) => bits * 256 + Number(byte), 0);
}

/** An IPv4 address as it is written, from its number. */
export function textOf(bits: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.');
}

/** What an IPv4 subnet keeps for itself: its network and its broadcast address. None below a /31 (RFC 3021). */
export function reserved4(address: string, prefixLength: number): { network: string; broadcast: string } | undefined {
  if (prefixLength >= 31) return undefined;
  const size = 2 ** (32 - prefixLength);
  const network = Math.floor(bitsOf(address) / size) * size;
  return { network: textOf(network), broadcast: textOf(network + size - 1) };
}

/** Whether an address of the same family is in the subnet. By arithmetic for IPv4: a list of blocks takes long to ask thousands of times. */
export function subnetOf(network: string, prefixLength: number, family: Family): (address: string) => boolean {
  if (family === 4) {
    const size = 2 ** (32 - prefixLength);
    const block = Math.floor(bitsOf(network) / size);
    return (address) => Math.floor(bitsOf(address) / size) === block;
  }
  const subnet = new BlockList();
  subnet.addSubnet(network, prefixLength, 'ipv6');
  return (address) => subnet.check(address, 'ipv6');
}
