import { isIP } from 'node:net';

export type Family = 4 | 6;

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

const MAX_PREFIX: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

function familyOf(text: string): Family | undefined {
  // A zone, as in fe80::1%eth0, is a matter of one node.
  const family = text.includes('%') ? 0 : isIP(text);
  return family === 4 || family === 6 ? family : undefined;
}

function isPrefix(text: string | undefined, family: Family): boolean {
  return text === undefined || (/^\d{1,3}$/.test(text) && Number(text) <= MAX_PREFIX[family]);
}

/** The form in which addresses are compared: IPv6 compressed and in lower case (RFC 5952). */
function canonical(text: string, family: Family): string {
  return family === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);
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
  const [text = '', prefix, ...rest] = given.split('/');
  const family = familyOf(text);
  if (family === undefined || rest.length > 0 || !isPrefix(prefix, family)) return undefined;
  const address = canonical(text, family);
  return { given, address, family, sortKey: sortKeyOf(address, family) };
}

/** Compares two texts by code units: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
