import { canonicalAddress, type Family, familyOfAddress, IP_ADDRESS_OR_CIDR } from '../../api/addresses.ts';

/** An address of a spec, taken apart. */
export interface ParsedAddress {
  /** As it was given, with its prefix if it has one. */
  readonly given: string;
  /** As the kernel shows it, without a prefix. */
  readonly address: string;
  readonly family: Family;
  /** Sorts by number, IPv4 before IPv6. */
  readonly sortKey: string;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}

function sortKeyOf(address: string, family: Family): string {
  if (family === 4) return `4.${address.split('.').map((byte) => byte.padStart(3, '0'))}`;
  const [head = '', tail = ''] = address.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return `6.${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0'))}`;
}

/**
 * Takes an address apart.
 * @param given IPv4 or IPv6, with or without a prefix
 * @returns undefined when it is not an address
 */
export function parseAddress(given: string): ParsedAddress | undefined {
  const [text = ''] = given.split('/');
  const family = familyOfAddress(text);
  const address = canonicalAddress(text);
  if (family === undefined || address === undefined || !IP_ADDRESS_OR_CIDR.test(given)) return undefined;
  return { given, address, family, sortKey: sortKeyOf(address, family) };
}

/** Compares two texts by code units: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
