import * as z from 'zod';
import { familyOf } from '../common/addresses.ts';
import { excludedRules, rangeEndRules, rangeSubnetRules, VIRTUAL_ADDRESS_LENGTH } from './addresses.ts';
import { celMatches, type Rule, ruled, ruledText } from './rules.ts';

/*
 * Ranges of addresses that a pool gives to Services. What the API server cannot reckon of them (whether two of IPv6 overlap, the order of
 * IPv6 addresses) the controller says in the pool's condition.
 */

/** Ranges of a pool, and entries of its `exclude`. */
export const RANGE_LIMITS = { ranges: 64, excluded: 256 } as const;

const IPV4_END = /^([0-9]{1,3}[.]){3}[0-9]{1,3}$/;

/**
 * Number of an IPv4 address, in CEL.
 * @param text a field, since an API server reckons with the lengths of fields
 * @param end place of what follows the address, where something does
 */
function celNumber(text: string, end?: string): string {
  const second = `${text}.indexOf('.', ${text}.indexOf('.') + 1)`;
  return [
    `int(${text}.substring(0, ${text}.indexOf('.'))) * 16777216`,
    `int(${text}.substring(${text}.indexOf('.') + 1, ${second})) * 65536`,
    `int(${text}.substring(${second} + 1, ${text}.lastIndexOf('.'))) * 256`,
    `int(${text}.substring(${text}.lastIndexOf('.') + 1${end === undefined ? '' : `, ${end}`}))`,
  ].join(' + ');
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

const endSchema = ruledText(VIRTUAL_ADDRESS_LENGTH, rangeEndRules);

/** Addresses in a row: a subnet, or from a first to a last one. */
export const rangeSchema = ruled(
  z.object({
    cidr: ruledText(VIRTUAL_ADDRESS_LENGTH, rangeSubnetRules)
      .optional()
      .describe('A subnet, e.g. 192.168.11.128/28. Of a large one the first 65536 addresses.'),
    first: endSchema.optional().describe('First address, where the range is no subnet.'),
    last: endSchema.optional().describe('Last address; it belongs to the range.'),
    prefixLength: z
      .int()
      .min(1)
      .max(128)
      .optional()
      .describe(
        "Length of the prefix that the addresses get. Default: that of the node's interface whose subnet contains the address.",
      ),
  }),
  {
    test: ({ cidr, first, last }) =>
      cidr === undefined ? first !== undefined && last !== undefined : first === undefined && last === undefined,
    cel: 'has(self.cidr) ? !has(self.first) && !has(self.last) : has(self.first) && has(self.last)',
    sentence: 'give either cidr, or first and last',
  },
  {
    test: ({ first, last }) => first === undefined || last === undefined || familyOf(first) === familyOf(last),
    cel: "!has(self.first) || !has(self.last) || self.first.contains(':') == self.last.contains(':')",
    sentence: 'first and last must be of one family, both IPv4 or both IPv6',
  },
  {
    test: ({ first = '', last = '' }) =>
      !(IPV4_END.test(first) && IPV4_END.test(last)) || ipv4Number(first) <= ipv4Number(last),
    cel: [
      '!has(self.first) || !has(self.last)',
      `!${celMatches(IPV4_END, 'self.first')} || !${celMatches(IPV4_END, 'self.last')}`,
      `${celNumber('self.first')} <= ${celNumber('self.last')}`,
    ].join(' || '),
    sentence: 'first must not be above last',
  },
  {
    test: ({ cidr, first, prefixLength = 1 }) => prefixLength <= 32 || familyOf(cidr ?? first ?? '') === 6,
    cel: "!has(self.prefixLength) || self.prefixLength <= 32 || (has(self.cidr) && self.cidr.contains(':')) || (!has(self.cidr) && has(self.first) && self.first.contains(':'))",
    sentence: 'prefixLength of IPv4 is at most 32',
  },
).describe('Addresses in a row.');

/** Addresses in a row. */
export type AddressRange = z.infer<typeof rangeSchema>;

const IPV4_SUBNET = /^([0-9]{1,3}[.]){3}[0-9]{1,3}[/]([1-9]|[12][0-9]|3[0-2])$/;

/** First and last number of an IPv4 range; undefined for others. */
function ipv4Span({ cidr, first = '', last = '' }: AddressRange): { first: number; last: number } | undefined {
  if (cidr !== undefined) {
    if (!IPV4_SUBNET.test(cidr)) return undefined;
    const [address = '', prefix] = cidr.split('/');
    const number = ipv4Number(address);
    return { first: number, last: number + 2 ** (32 - Number(prefix)) - 1 };
  }
  if (!IPV4_END.test(first) || !IPV4_END.test(last)) return undefined;
  return { first: ipv4Number(first), last: ipv4Number(last) };
}

/** The same in CEL, of one range in a list. */
const CEL_SPAN = (range: string) => {
  const [cidr, first, last] = [`${range}.cidr`, `${range}.first`, `${range}.last`];
  const slash = `${cidr}.indexOf('/')`;
  const sizes = Array.from({ length: 33 }, (_, prefix) => 2 ** (32 - prefix));
  const size = `[${sizes.join(', ')}][int(${cidr}.substring(${slash} + 1))]`;
  const isEnd = (text: string) => celMatches(IPV4_END, text);
  return {
    isIpv4: `(has(${cidr}) ? ${celMatches(IPV4_SUBNET, cidr)} : has(${first}) && has(${last}) && ${isEnd(first)} && ${isEnd(last)})`,
    isIpv6: `(has(${cidr}) ? ${cidr}.contains(':') : has(${first}) && ${first}.contains(':'))`,
    first: `(has(${cidr}) ? ${celNumber(cidr, slash)} : ${celNumber(first)})`,
    last: `(has(${cidr}) ? ${celNumber(cidr, slash)} + ${size} - 1 : ${celNumber(last)})`,
  };
};
const [ONE, OTHER] = [CEL_SPAN('a'), CEL_SPAN('b')];

/** Of more the API server does not ask whether they overlap: that would cost more than it allows a rule. */
const COMPARED_RANGES = 32;

/** Asks that each IPv4 range overlaps with none but itself. Of IPv6 the controller asks it: CEL has no number that is large enough. */
const apart: Rule<AddressRange[]> = {
  test: (ranges) => {
    if (ranges.length > COMPARED_RANGES) return true;
    const spans = ranges.map(ipv4Span);
    const isWrong = ({ cidr, first = '' }: AddressRange, at: number) =>
      spans[at] === undefined && !(cidr ?? first).includes(':');
    if (ranges.some(isWrong)) return true;
    const known = spans.filter((span) => span !== undefined);
    return known.every((a) => known.filter((b) => b.first <= a.last && a.first <= b.last).length === 1);
  },
  cel: [
    `self.size() > ${COMPARED_RANGES}`,
    `self.exists(a, !${ONE.isIpv4} && !${ONE.isIpv6})`,
    `self.all(a, ${ONE.isIpv6} || [${ONE.first}].all(x, [${ONE.last}].all(y, self.exists_one(b, !${OTHER.isIpv6} && ${OTHER.first} <= y && x <= ${OTHER.last}))))`,
  ].join(' || '),
  sentence: 'two ranges overlap; take what is in both out of one of them',
};

/** Where a pool takes the addresses from that it gives to Services. */
export const rangesSchema = ruled(z.array(rangeSchema).min(1).max(RANGE_LIMITS.ranges), apart).describe(
  'Addresses for Services, at most 65536 of a family. No node has one before a Service has it. They must not overlap.',
);

/** What of the ranges no Service gets. */
export const excludeSchema = z
  .array(ruledText(VIRTUAL_ADDRESS_LENGTH, excludedRules))
  .max(RANGE_LIMITS.excluded)
  .describe('Addresses and subnets within the ranges that no Service gets, e.g. 192.168.11.10 or 192.168.11.32/30.');
