import ipaddr from 'ipaddr.js';

/*
 * What an address is, its one spelling, and the arithmetic of subnets. What is an address is said by patterns, since API servers check it
 * by the same ones (api/); all that is computed is the library's, which alone would also take `10.1` and `0x0a000001`.
 */

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** A parsed address, to be compared many times. */
export type AddressBits = ipaddr.IPv4 | ipaddr.IPv6;

/** An address as somebody wrote it, in its parts. */
export interface ParsedAddress {
  /** As it was given, with its prefix if it has one. */
  readonly given: string;
  /** As the kernel shows it, without a prefix. */
  readonly address: string;
  readonly family: Family;
  /** Sorts by number, IPv4 before IPv6. */
  readonly sortKey: string;
}

const BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const GROUP = '[0-9a-fA-F]{1,4}';
/** Without leading zeros, which some read as octal. */
const IPV4 = `(${BYTE}[.]){3}${BYTE}`;
/** RFC 4291 section 2.2, forms 1 and 2. Form 3, with an IPv4 address at the end, is not among them; nor is a zone (RFC 4007). */
const IPV6 = [
  `(${GROUP}:){7}${GROUP}`,
  ...[6, 5, 4, 3, 2].map((most) => `(${GROUP}:){1,${most}}(:${GROUP}){1,${7 - most}}`),
  `${GROUP}:(:${GROUP}){1,6}`,
  `(${GROUP}:){1,7}:`,
  `:((:${GROUP}){1,7}|:)`,
].join('|');

const IPV4_ONLY = new RegExp(`^${IPV4}$`);
const IPV6_ONLY = new RegExp(`^(${IPV6})$`);
/** An IPv4 or IPv6 address without a prefix. */
export const IP_ADDRESS = new RegExp(`^(${IPV4}|${IPV6})$`);
/** The same, with or without a prefix of 1 to 32 or 128 bits. */
export const IP_ADDRESS_OR_CIDR = new RegExp(
  `^(${IPV4}(/(3[0-2]|[12][0-9]|[1-9]))?|(${IPV6})(/(12[0-8]|1[01][0-9]|[1-9][0-9]?))?)$`,
);

/** A subnet: an address of it and a prefix of 1 to 32 or 128 bits. */
export const IP_CIDR = new RegExp(`^(${IPV4}/(3[0-2]|[12][0-9]|[1-9])|(${IPV6})/(12[0-8]|1[01][0-9]|[1-9][0-9]?))$`);

/** Family of a text without a prefix; undefined for what is no address, as one with a zone or with leading zeros. Pure. */
export function familyOfAddress(text: string): Family | undefined {
  if (IPV4_ONLY.test(text)) return 4;
  return IPV6_ONLY.test(text) ? 6 : undefined;
}

/** Family of an address that is known to be one, with or without a prefix. Pure. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/**
 * The form in which addresses are compared, and in which the kernel shows them: IPv6 compressed and in lower case (RFC 5952). Pure.
 * @param text without a prefix
 * @returns undefined for what is no address
 */
export function canonicalAddress(text: string): string | undefined {
  return IP_ADDRESS.test(text) ? canonical(text) : undefined;
}

/**
 * The same, of an address with or without a prefix, which is left away. Pure.
 * @returns what is no address as it is
 */
export function canonical(given: string): string {
  if (!IP_ADDRESS_OR_CIDR.test(given)) return given;
  const address = withoutPrefix(given);
  // The pattern takes IPv4 addresses in their one spelling only.
  return familyOf(address) === 6 ? bitsOf(address).toString() : address;
}

/** An address without its prefix. Pure. */
export function withoutPrefix(given: string): string {
  const slash = given.indexOf('/');
  return slash < 0 ? given : given.slice(0, slash);
}

/**
 * Takes an address apart. Pure.
 * @param given IPv4 or IPv6, with or without a prefix of 1 to 32 or 128 bits
 * @returns undefined when it is not an address
 */
export function parseAddress(given: string): ParsedAddress | undefined {
  if (!IP_ADDRESS_OR_CIDR.test(given)) return undefined;
  const bits = bitsOf(withoutPrefix(given));
  const bytes = bits.toByteArray().map((byte) => byte.toString(16).padStart(2, '0'));
  return { given, address: bits.toString(), family: familyOf(given), sortKey: `${familyOf(given)}.${bytes.join('')}` };
}

/**
 * Takes an address apart, to be asked many times. Pure.
 * @param address known to be one, without a prefix
 * @throws Error when it is none
 */
export function bitsOf(address: string): AddressBits {
  return ipaddr.parse(address);
}

/** An IPv4 address as it is written, from its number. Pure. */
export function ipv4Of(bits: number): string {
  return ipaddr.fromByteArray([24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256)).toString();
}

/** The number that an address is. Pure. @throws Error when it is no address */
export function numberOfAddress(address: string): bigint {
  // Thousands are asked about, most of them of IPv4.
  if (IPV4_ONLY.test(address)) return BigInt(address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0));
  return ipaddr.IPv6.parse(address).parts.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** The address that a number is, in canonical form. Pure. */
export function addressOfNumber(number: bigint, family: Family): string {
  if (family === 4) return ipv4Of(Number(number));
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => Number((number >> shift) & 0xffffn));
  return new ipaddr.IPv6(groups).toString();
}

/** The IPv4 address that an address is which is written as one of IPv6 (RFC 4291 section 2.5.5.2); others in canonical form. Pure. */
export function unmapped(address: string): string {
  return ipaddr.process(address).toString();
}

/** The prefix of a single address, by its family: as long as the address. */
export const HOST_PREFIX_LENGTH: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/**
 * Whether an address is in a subnet; one of the other family is not. Pure.
 * @param network an address of the subnet
 * @returns a function, so that thousands can be asked about
 */
export function subnetOf(network: string, prefixLength: number): (address: AddressBits) => boolean {
  const bits = bitsOf(network);
  return (address) => address.kind() === bits.kind() && address.match(bits, prefixLength);
}

/**
 * Finds the subnet that an address is in. Pure.
 * @param networks addresses with prefixes; what is none, and what has a host's prefix, is no subnet
 * @returns a function, so that thousands can be asked about: the first that contains an address, as it is given
 */
export function subnetsOf(networks: readonly string[]): (address: string) => string | undefined {
  const subnets = networks.flatMap((text) => {
    const [network = '', prefix] = text.split('/');
    const family = canonicalAddress(network) === undefined ? undefined : familyOf(network);
    if (family === undefined || prefix === undefined || Number(prefix) >= HOST_PREFIX_LENGTH[family]) return [];
    return [{ text, contains: subnetOf(network, Number(prefix)) }];
  });
  return (address) => {
    const bits = bitsOf(address);
    return subnets.find(({ contains }) => contains(bits))?.text;
  };
}

/** What an IPv4 subnet keeps for itself: its network and its broadcast address. None below a /31 (RFC 3021). Pure. */
export function reserved4(address: string, prefixLength: number): { network: string; broadcast: string } | undefined {
  if (prefixLength > HOST_PREFIX_LENGTH[4] - 2) return undefined;
  const subnet = `${address}/${prefixLength}`;
  return {
    network: ipaddr.IPv4.networkAddressFromCIDR(subnet).toString(),
    broadcast: ipaddr.IPv4.broadcastAddressFromCIDR(subnet).toString(),
  };
}

/**
 * Whether an address is its subnet's own: the network's or the broadcast address (IPv4, RFC 1122 section 3.2.1.3), or the anycast address
 * of the subnet's routers (IPv6, RFC 4291 section 2.6.1). Subnets of one or two addresses have neither (RFC 3021, RFC 6164). Pure.
 * @param address without a prefix; what is no address is no subnet's own
 */
export function isSubnetsOwn(address: string, prefixLength: number): boolean {
  const known = canonicalAddress(address);
  if (known === undefined) return false;
  if (familyOf(known) === 6) {
    const hasOwn = prefixLength <= HOST_PREFIX_LENGTH[6] - 2;
    return hasOwn && ipaddr.IPv6.networkAddressFromCIDR(`${known}/${prefixLength}`).toString() === known;
  }
  const own = reserved4(known, prefixLength);
  return own !== undefined && (own.network === known || own.broadcast === known);
}

/**
 * Whether a text is a subnet, written with its first address as RFC 4632 section 3.1 has it: no bit behind the prefix is set. Pure.
 * @param text an address and a prefix; what is neither is none
 */
export function isSubnet(text: string): boolean {
  if (!IP_CIDR.test(text)) return false;
  const library = familyOf(text) === 6 ? ipaddr.IPv6 : ipaddr.IPv4;
  return library.networkAddressFromCIDR(text).toString() === canonical(text);
}

/** The eight groups of an IPv6 address, each of four digits in lower case. Pure. @throws Error when it is none */
export function groupsOf(address: string): string[] {
  return ipaddr.IPv6.parse(address).parts.map((part) => part.toString(16).padStart(4, '0'));
}

/** A host as a URL has it: an IPv6 address in brackets, a name or an IPv4 address as it is. Pure. */
export function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
