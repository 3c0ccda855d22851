import { IP_ADDRESS, IP_ADDRESS_OR_CIDR, IP_CIDR, isSubnet, isSubnetsOwn } from '../common/addresses.ts';
import { celMatches, matching, notMatching, problemOf, type Rule } from './rules.ts';

/*
 * Which addresses can be virtual ones, or those of peers: the only definition of it, for custom resources, controller, sidecar and settings.
 * (The chart's templates have the same in `_address.tpl`; a test compares them.) Kubernetes' CEL has functions for addresses (isIP, cidr),
 * but API servers before 1.31 refuse a definition that uses them, and Helm installs the definitions with every release, also with one that
 * has no pools.
 */

const GROUP = '[0-9a-fA-F]{1,4}';
/** The longest text that {@link IP_ADDRESS_OR_CIDR} takes. */
export const VIRTUAL_ADDRESS_LENGTH = 43;

/** RFC 4291 section 2.5.5.2, in all notations: also the one with dots, which is none of the above. */
const IPV4_MAPPED = new RegExp(
  `^((0{1,4}:){5}[fF]{4}:|(0{1,4}(:0{1,4}){0,3})?::(0{1,4}:){0,4}[fF]{4}:(${GROUP}:${GROUP}|[0-9.]+)(/[0-9]*)?$)`,
);
/** The first 96 bits are zero: the unspecified, the loopback and "IPv4-compatible" addresses (RFC 4291 section 2.5). */
const LOWEST_IPV6 = `(0{1,4}:){6}|(0{1,4}(:0{1,4})*)?::(0{1,4}:)*(${GROUP}(:${GROUP})?)?(/|$)`;
/**
 * No host of a network has one of these. IPv4: 0/8, 127/8 (RFC 1122), 169.254/16 (RFC 3927), 224/4 and 240/4 (RFC 1112). IPv6: the lowest;
 * fe80::/10, which means another network on each interface; ff00::/8.
 */
const NO_HOST_ADDRESS = new RegExp(
  `^((0|127|22[4-9]|2[3-5][0-9])[.]|169[.]254[.]|${LOWEST_IPV6}|[fF][fF][0-9a-fA-F]{2}:|[fF][eE][89abAB][0-9a-fA-F]:)`,
);
/** All that is an address and can be no virtual one, but for those that are their subnet's own. */
export const NO_VIRTUAL_ADDRESS = new RegExp(`${IPV4_MAPPED.source}|${NO_HOST_ADDRESS.source}`);

const NETWORK = "give a free one of the nodes' network";
const KINDS = 'is a loopback, link-local, multicast, reserved or unspecified address';
const MAPPED_SENTENCE = 'is an IPv4 address in the notation of IPv6; write the IPv4 address alone, like 192.168.1.200';

/*
 * Whether an address is its subnet's own, in CEL. An API server reckons beforehand what a rule can cost at most, from the lengths that it
 * knows: of `self`, of a part of it, of a list that is written out. It knows none of the elements of a list, so that an address may not be
 * split into groups; it is read by the places of its digits.
 */
const SIZED_IPV4 = /^([0-9]{1,3}[.]){3}[0-9]{1,3}[/]([1-9]|[12][0-9]|30)$/;
/**
 * `b`, `c`, `d` and `e` are the places of the dots and of the slash, `s` is the number of addresses in the subnet, `host` that of the
 * address in it.
 * @param longest prefix that is asked about
 */
function ofIpv4Host(longest: number, condition: string): string {
  const sizes = Array.from({ length: longest + 1 }, (_, prefix) => 2 ** (32 - prefix));
  return [
    "[self.indexOf('.')].exists(b, [self.indexOf('.', b + 1)].exists(c, [self.lastIndexOf('.')].exists(d, [self.indexOf('/')].exists(e, ",
    `[[${sizes.join(', ')}][int(self.substring(e + 1))]].exists(s, [(int(self.substring(0, b)) * 16777216 + int(self.substring(b + 1, c)) * 65536 `,
    `+ int(self.substring(c + 1, d)) * 256 + int(self.substring(d + 1, e))) % s].exists(host, ${condition}))))))`,
  ].join('');
}

const SIZED_IPV6 = /^[0-9a-fA-F]*:[0-9a-fA-F:]*[/]([1-9][0-9]?|1[01][0-9]|12[0-6])$/;
/**
 * No bit of the host is set: the last place `at` of every digit from 1 to f is within the prefix `p`. `gap` is the place of the two colons,
 * `end` that of the colon behind the digit's group.
 */
const NO_IPV6_HOST_BIT = [
  "[self.indexOf('/')].exists(slash, [int(self.substring(slash + 1))].exists(p, [self.indexOf('::')].exists(gap, ",
  '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].all(digit, ',
  "[self.substring(0, slash).lowerAscii().lastIndexOf('0123456789abcdef'.charAt(digit))].all(at, at < 0 || ",
  "[self.indexOf(':', at)].all(end, ",
  // The number of the group, from the front or from the back.
  "16 * (gap < 0 || at < gap ? self.substring(0, at).split(':').size() : 9 - self.substring(at, slash).split(':').size()) ",
  // Bits behind the digit's last one in its group.
  '- 4 * ((end < 0 ? slash : end) - at - 1) - (digit % 2 == 1 ? 0 : digit % 4 == 2 ? 1 : digit == 8 ? 3 : 2) <= p))))))',
].join('');

const subnetsOwn: Rule<string> = {
  test: (text) => {
    const [address = '', prefix] = text.split('/');
    return prefix === undefined || !isSubnetsOwn(address, Number(prefix));
  },
  cel: `!(${celMatches(SIZED_IPV4)} && ${ofIpv4Host(30, 'host == 0 || host == s - 1')}) && !(${celMatches(SIZED_IPV6)} && ${NO_IPV6_HOST_BIT})`,
  sentence:
    "is the network, broadcast or routers' address of the subnet that its prefix says, which no machine can have; give another address of it, or the right prefix",
};

const ANY_IPV4_SUBNET = /^([0-9]{1,3}[.]){3}[0-9]{1,3}[/]([1-9]|[12][0-9]|3[0-2])$/;
const ANY_IPV6_SUBNET = /^[0-9a-fA-F]*:[0-9a-fA-F:]*[/]([1-9][0-9]?|1[01][0-9]|12[0-8])$/;

/** Asks that no bit behind the prefix is set: who writes 10.0.0.7/24 may mean that address, or the subnet, or what begins there. */
const subnetsFirst: Rule<string> = {
  test: (text) => !IP_CIDR.test(text) || isSubnet(text),
  cel: `!(${celMatches(ANY_IPV4_SUBNET)} && !${ofIpv4Host(32, 'host == 0')}) && !(${celMatches(ANY_IPV6_SUBNET)} && !${NO_IPV6_HOST_BIT})`,
  sentence:
    'begins in the middle of the subnet that its prefix says; write the first address of the subnet, as in 192.168.11.128/28',
};

const RANGE_KINDS = `begins in loopback, link-local, multicast, reserved or unspecified addresses; ${NETWORK}`;

/** What is asked of a subnet that Services get addresses from. */
export const rangeSubnetRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(IP_CIDR, 'is no subnet; write an IPv4 or IPv6 address and a prefix, for example 192.168.11.128/28'),
  notMatching(NO_HOST_ADDRESS, RANGE_KINDS),
  subnetsFirst,
];

/** What is asked of the first and the last address of a range. */
export const rangeEndRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(IP_ADDRESS, 'is not an IPv4 or IPv6 address without a prefix; write for example 192.168.11.200'),
  notMatching(NO_HOST_ADDRESS, `${KINDS}; ${NETWORK}`),
];

/** What is asked of addresses that Services do not get: one, or a subnet. */
export const excludedRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(
    IP_ADDRESS_OR_CIDR,
    'is neither an IPv4 or IPv6 address nor a subnet; write for example 192.168.11.10 or 192.168.11.32/30',
  ),
  subnetsFirst,
];

/** What is asked of a virtual address, with or without a prefix. */
export const virtualAddressRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(
    IP_ADDRESS_OR_CIDR,
    'is not an IPv4 or IPv6 address, with or without a prefix; write for example 192.168.1.200 or 192.168.1.200/24',
  ),
  notMatching(NO_HOST_ADDRESS, `${KINDS}; ${NETWORK}`),
  subnetsOwn,
];

const peerRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(
    IP_ADDRESS,
    'is not an IPv4 or IPv6 address (a peer is given without a prefix); write for example 192.168.1.21',
  ),
  notMatching(NO_HOST_ADDRESS, `${KINDS}; give the address that the node has on the network of the virtual address`),
];

/** What is asked of an address that clients use and that something else moves: it has no prefix. */
export const clientAddressRules: readonly Rule<string>[] = [
  notMatching(IPV4_MAPPED, MAPPED_SENTENCE),
  matching(IP_ADDRESS, 'is not an IPv4 or IPv6 address without a prefix; write for example 192.168.1.200'),
  notMatching(NO_HOST_ADDRESS, `${KINDS}; give the address that clients use`),
];

/** Why a text can be no virtual address, in a sentence with what to do; undefined when it can. Pure. */
export function virtualAddressProblem(text: string): string | undefined {
  return problemOf(virtualAddressRules, text);
}

/** Why a text can be no address of a peer, in a sentence with what to do; undefined when it can. Pure. */
export function peerProblem(text: string): string | undefined {
  return problemOf(peerRules, text);
}
