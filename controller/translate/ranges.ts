import { RANGE_LIMITS } from '../../api/address-ranges.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import {
  addressOfNumber,
  canonicalAddress,
  familyOf,
  HOST_PREFIX_LENGTH,
  IP_CIDR,
  numberOfAddress,
} from '../../common/addresses.ts';

type Ranges = NonNullable<VirtualIpPoolSpec['ranges']>;

/** A range, or what is wrong with its text. */
export type ReadText = { readonly range: Ranges[number] } | { readonly problem: string };

function endsOf(text: string): ReadText {
  const [first = '', last = '', ...more] = text.split('-').map((end) => canonicalAddress(end.trim()) ?? '');
  if (first === '' || last === '' || more.length > 0) {
    return {
      problem: `"${text}" is neither a subnet nor two addresses with - between them; write it as a range by hand`,
    };
  }
  return { range: { first, last } };
}

/** The subnet that an address with a prefix is in: others take one with host bits, too. */
function subnetOf(text: string): string {
  const [address = '', length] = text.split('/');
  const family = familyOf(address);
  const size = 2n ** BigInt(HOST_PREFIX_LENGTH[family] - Number(length));
  return `${addressOfNumber((numberOfAddress(address) / size) * size, family)}/${length}`;
}

/** Reads a range as MetalLB and kube-vip write it: a subnet, or first-last. Pure. */
export function readRangeText(text: string): ReadText {
  const trimmed = text.trim();
  if (IP_CIDR.test(trimmed)) return { range: { cidr: subnetOf(trimmed) } };
  if (canonicalAddress(trimmed) !== undefined) return { range: { first: trimmed, last: trimmed } };
  return endsOf(trimmed);
}

function spanOf({ cidr, first = '', last = '' }: Ranges[number]): { first: bigint; last: bigint; isIpv4: boolean } {
  if (cidr === undefined) {
    return { first: numberOfAddress(first), last: numberOfAddress(last), isIpv4: familyOf(first) === 4 };
  }
  const [address = '', length] = cidr.split('/');
  const family = familyOf(address);
  const start = numberOfAddress(address);
  return {
    first: start,
    last: start + 2n ** BigInt(HOST_PREFIX_LENGTH[family] - Number(length)) - 1n,
    isIpv4: family === 4,
  };
}

/** Addresses that end in .0 or .255, which some routers do not like; undefined: there are more than a pool can leave out. Pure. */
export function endsOfOctets(ranges: Ranges): string[] | undefined {
  const found: string[] = [];
  for (const range of ranges) {
    const { first, last, isIpv4 } = spanOf(range);
    if (!isIpv4) continue;
    for (let block = first / 256n; block <= last / 256n; block++) {
      const ends = [block * 256n, block * 256n + 255n].filter((end) => first <= end && end <= last);
      found.push(...ends.map((end) => addressOfNumber(end, 4)));
      if (found.length > RANGE_LIMITS.excluded) return undefined;
    }
  }
  return found;
}
