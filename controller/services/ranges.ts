import type { AddressRange } from '../../api/address-ranges.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import {
  addressOfNumber,
  type Family,
  familyOf,
  familyOfAddress,
  HOST_PREFIX_LENGTH,
  isSubnet,
  isSubnetsOwn,
  numberOfAddress,
} from '../../common/addresses.ts';
import { withAnswers } from '../../common/answers.ts';

/*
 * Which addresses a pool can give to Services: its ranges without what is excluded, in the order in which the ranges are written. They are
 * reckoned, never listed: a pool can have 65536 of each family.
 */

/** Addresses of one family that a pool gives, at most. */
export const MOST_ADDRESSES = 65_536;

/** What a pool says of its ranges. */
export type RangesSpec = Pick<VirtualIpPoolSpec, 'ranges' | 'exclude' | 'avoidNetworkAndBroadcast'>;

/** Numbers of addresses in a row; both ends belong to it. */
interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** Which addresses of every subnet are given: so many of `block`, behind the first `skip`. */
interface Grid {
  readonly block: bigint;
  readonly skip: bigint;
  readonly width: bigint;
}

/** A range as it is written. */
interface ReadRange extends Interval {
  readonly family: Family;
  readonly grid: Grid;
  readonly prefixLength: number | undefined;
}

/** A part of a range in which nothing is excluded, and the place of its first address among all of the family. */
interface Segment extends Interval {
  readonly grid: Grid;
  readonly index: number;
  readonly size: number;
}

const EVERY: Grid = { block: 1n, skip: 0n, width: 1n };

/** No host has these (see `virtualAddressRules`); a range may be so wide that they are in the middle of it. */
const NO_HOSTS: Readonly<Record<Family, readonly Interval[]>> = {
  4: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(subnetInterval),
  6: ['::/96', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'].map(subnetInterval),
};

function subnetInterval(cidr: string): Interval {
  const [address = '', prefix] = cidr.split('/');
  const first = numberOfAddress(address);
  return { first, last: first + 2n ** BigInt(HOST_PREFIX_LENGTH[familyOf(address)] - Number(prefix)) - 1n };
}

function prefixOf(cidr: string): number {
  return Number(cidr.split('/')[1]);
}

/** What of each subnet may be given: not its network and broadcast address, nor that of its routers (see `isSubnetsOwn`). */
function gridOf(family: Family, prefixLength: number | undefined): Grid {
  const bits = HOST_PREFIX_LENGTH[family];
  if (prefixLength === undefined || prefixLength > bits - 2) return EVERY;
  const block = 2n ** BigInt(bits - prefixLength);
  return { block, skip: 1n, width: block - (family === 4 ? 2n : 1n) };
}

/** How many addresses below `number` are given. */
function givenBelow({ block, skip, width }: Grid, number: bigint): bigint {
  const inside = (number % block) - skip;
  const here = inside < 0n ? 0n : inside > width ? width : inside;
  return (number / block) * width + here;
}

function isGiven({ block, skip, width }: Grid, number: bigint): boolean {
  const inside = (number % block) - skip;
  return inside >= 0n && inside < width;
}

function intervalOf({ cidr, first = '', last = '' }: AddressRange): (Interval & { family: Family }) | undefined {
  if (cidr !== undefined) return isSubnet(cidr) ? { ...subnetInterval(cidr), family: familyOf(cidr) } : undefined;
  const family = familyOfAddress(first);
  if (family === undefined || family !== familyOfAddress(last)) return undefined;
  return { first: numberOfAddress(first), last: numberOfAddress(last), family };
}

/** A range; undefined for one that cannot be read. */
function readRange(range: AddressRange, avoid: boolean): ReadRange | undefined {
  const interval = intervalOf(range);
  const { cidr, prefixLength } = range;
  if (interval === undefined || interval.first > interval.last) return undefined;
  if (prefixLength !== undefined && prefixLength > HOST_PREFIX_LENGTH[interval.family]) return undefined;
  // What the prefix makes a subnet's own no machine can have, wished or not.
  const subnets = prefixLength ?? (avoid && cidr !== undefined ? prefixOf(cidr) : undefined);
  return { ...interval, grid: gridOf(interval.family, subnets), prefixLength };
}

/** What is left of an interval without others, in order. */
function without({ first, last }: Interval, holes: readonly Interval[]): Interval[] {
  const inside = holes.filter((hole) => hole.last >= first && hole.first <= last);
  const parts: Interval[] = [];
  let from = first;
  for (const hole of inside.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (hole.first > from) parts.push({ first: from, last: hole.first - 1n });
    if (hole.last >= from) from = hole.last + 1n;
  }
  return from > last ? parts : [...parts, { first: from, last }];
}

function overlap(one: ReadRange, other: ReadRange): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last;
}

function excludedOf(exclude: readonly string[], family: Family): Interval[] {
  return exclude.flatMap((text) => {
    const cidr = text.includes('/') ? text : `${text}/${HOST_PREFIX_LENGTH[familyOf(text)]}`;
    return isSubnet(cidr) && familyOf(cidr) === family ? [subnetInterval(cidr)] : [];
  });
}

/** The last of the sorted that is not behind; undefined when all are. */
function lastNotBehind<T>(sorted: readonly T[], isBehind: (each: T) => boolean): T | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const each = sorted[middle];
    if (each === undefined || isBehind(each)) high = middle;
    else low = middle + 1;
  }
  return sorted[low - 1];
}

/** What of a pool's ranges is of one family. */
class FamilyRanges {
  readonly size: number;
  readonly #giving = new Set<ReadRange>();
  /** By index. */
  readonly #segments: readonly Segment[];
  readonly #byAddress: readonly Segment[];

  constructor(ranges: readonly ReadRange[], excluded: readonly Interval[]) {
    const segments: Segment[] = [];
    // Of ranges that overlap the first has what is in both.
    const holes = [...excluded];
    let index = 0;
    for (const range of ranges) {
      for (const part of without(range, holes)) {
        const given = givenBelow(range.grid, part.last + 1n) - givenBelow(range.grid, part.first);
        const size = Math.min(Number(given), MOST_ADDRESSES - index);
        if (size === 0) continue;
        segments.push({ ...part, grid: range.grid, index, size });
        this.#giving.add(range);
        index += size;
      }
      holes.push(range);
    }
    this.size = index;
    this.#segments = segments;
    this.#byAddress = segments.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  }

  /** Whether at least one address of a range is given. */
  gives(range: ReadRange): boolean {
    return this.#giving.has(range);
  }

  /** Whether there may be addresses that others give, too. */
  meets(other: FamilyRanges): boolean {
    return this.#segments.some((a) => other.#segments.some((b) => a.first <= b.last && b.first <= a.last));
  }

  at(index: number): bigint {
    const found = lastNotBehind(this.#segments, (segment) => segment.index > index);
    if (found === undefined || index >= this.size) throw new RangeError(`${index} is not from 0 to ${this.size - 1}`);
    const { first, grid } = found;
    const place = givenBelow(grid, first) + BigInt(index - found.index);
    return (place / grid.width) * grid.block + grid.skip + (place % grid.width);
  }

  indexOf(number: bigint): number {
    const found = lastNotBehind(this.#byAddress, ({ first }) => first > number);
    if (found === undefined || number > found.last || !isGiven(found.grid, number)) return -1;
    const place = Number(givenBelow(found.grid, number) - givenBelow(found.grid, found.first));
    return place < found.size ? found.index + place : -1;
  }
}

type Families = Readonly<Record<Family, FamilyRanges>>;

function otherFamily(family: Family): Family {
  return family === 4 ? 6 : 4;
}

function familiesOf(ranges: readonly (ReadRange | undefined)[], exclude: readonly string[] = []): Families {
  const known = ranges.filter((range) => range !== undefined);
  const of = (family: Family) =>
    new FamilyRanges(
      known.filter((range) => range.family === family),
      [...NO_HOSTS[family], ...excludedOf(exclude, family)],
    );
  return { 4: of(4), 6: of(6) };
}

/** Each range; undefined in the place of one that cannot be read. */
function readAll({ ranges = [], avoidNetworkAndBroadcast = true }: RangesSpec): (ReadRange | undefined)[] {
  return ranges.map((range) => readRange(range, avoidNetworkAndBroadcast));
}

/** Addresses that a pool can give to Services, in order: of each family 65536 at most. It does not change. */
export class PoolRanges {
  readonly #ranges: readonly ReadRange[];
  readonly #families: Families;
  // The same addresses are asked about at every decision, and to reckon is slow.
  readonly #places = withAnswers((address) => this.#placeOf(address));
  readonly #prefixLengths = withAnswers((address) => this.#prefixLengthOf(address));

  private constructor(ranges: readonly (ReadRange | undefined)[], exclude: readonly string[] | undefined) {
    this.#ranges = ranges.filter((range) => range !== undefined);
    this.#families = familiesOf(ranges, exclude);
  }

  /** Reads what a pool says; what cannot be read is left out, see {@link rangeProblems}. Never throws. */
  static of(spec: RangesSpec): PoolRanges {
    return new PoolRanges(readAll(spec), spec.exclude);
  }

  /** How many addresses there are. */
  size(family: Family): number {
    return this.#families[family].size;
  }

  /**
   * One of the addresses, in canonical form.
   * @param index from 0 to below {@link size}
   * @throws RangeError for another
   */
  at(family: Family, index: number): string {
    return addressOfNumber(this.#families[family].at(index), family);
  }

  /** The first address of the first range that gives any; undefined: there is none. */
  example(): string | undefined {
    const [first] = this.#ranges;
    const family = first === undefined || this.size(first.family) > 0 ? first?.family : otherFamily(first.family);
    return family === undefined || this.size(family) === 0 ? undefined : this.at(family, 0);
  }

  /** Whether two addresses are in one range, as it is written. */
  areTogether(one: string, other: string): boolean {
    const range = this.#rangeOf(one);
    return range !== undefined && range === this.#rangeOf(other);
  }

  /** Whether it is among them. What is no address is not. */
  has(address: string): boolean {
    return this.indexOf(address) >= 0;
  }

  /**
   * Addresses that others give, too.
   * @returns how many, and by the number of each of the others, where it has any, one of them in canonical form
   */
  commonWith(others: readonly PoolRanges[]): { readonly count: number; readonly example: ReadonlyMap<number, string> } {
    const example = new Map<number, string>();
    const count = this.#commonOf(4, others, example) + this.#commonOf(6, others, example);
    return { count, example };
  }

  #commonOf(family: Family, others: readonly PoolRanges[], example: Map<number, string>): number {
    const own = this.#families[family];
    const meeting = [...others.entries()]
      .map(([number, other]) => [number, other.#families[family]] as const)
      .filter(([, other]) => own.meets(other));
    if (meeting.length === 0) return 0;
    let count = 0;
    for (let index = 0; index < own.size; index++) {
      const address = own.at(index);
      const having = meeting.filter(([, other]) => other.indexOf(address) >= 0);
      if (having.length > 0) count++;
      for (const [number] of having) if (!example.has(number)) example.set(number, addressOfNumber(address, family));
    }
    return count;
  }

  /** The place of an address among those of its family; -1: it is not among them. */
  indexOf(address: string): number {
    return this.#places(address);
  }

  /**
   * The length of the prefix that an address gets, by the first range that it is in; undefined: that of the node's interface. Also of one
   * that is excluded, which a Service may have had before. None that would make it the subnet's own: no node could have it.
   */
  prefixLengthOf(address: string): number | undefined {
    return this.#prefixLengths(address);
  }

  #placeOf(address: string): number {
    const family = familyOfAddress(address);
    return family === undefined ? -1 : this.#families[family].indexOf(numberOfAddress(address));
  }

  #rangeOf(address: string): ReadRange | undefined {
    const asked = familyOfAddress(address);
    if (asked === undefined) return undefined;
    const number = numberOfAddress(address);
    return this.#ranges.find(({ family, first, last }) => family === asked && first <= number && number <= last);
  }

  #prefixLengthOf(address: string): number | undefined {
    const prefixLength = this.#rangeOf(address)?.prefixLength;
    return prefixLength !== undefined && isSubnetsOwn(address, prefixLength) ? undefined : prefixLength;
  }
}

type Problem = string | undefined;

/** Why a range is not to be as it is; undefined: it may. */
function orderProblem(range: AddressRange): Problem {
  const interval = intervalOf(range);
  const wrong = interval !== undefined && interval.first > interval.last;
  return wrong ? ': first must not be above last' : undefined;
}

function overlapProblem(range: ReadRange, before: readonly (ReadRange | undefined)[]): Problem {
  const other = before.findIndex((each) => each !== undefined && overlap(range, each));
  return other < 0 ? undefined : ` overlaps ranges[${other}]; take what is in both out of one of them`;
}

function emptyProblem(range: ReadRange, families: Families): Problem {
  const { family } = range;
  if (families[family].gives(range)) return undefined;
  return families[family].size < MOST_ADDRESSES
    ? " gives nothing: all of it is excluded or its subnet's own; remove or widen it, or take something out of exclude"
    : ` gives nothing: those before it have the ${MOST_ADDRESSES} IPv${family} addresses that a pool gives at most; put it before them, or into another pool`;
}

/**
 * What is wrong with ranges and what an API server does not see, in sentences that begin with the field. Services are served from the rest,
 * and an address that is in two ranges counts once. Pure.
 */
export function rangeProblems(spec: RangesSpec): string[] {
  const { ranges = [] } = spec;
  const read = readAll(spec);
  const families = familiesOf(read, spec.exclude);
  return ranges.flatMap((given, at) => {
    const range = read[at];
    const problem =
      range === undefined
        ? orderProblem(given)
        : (overlapProblem(range, read.slice(0, at)) ?? emptyProblem(range, families));
    return problem === undefined ? [] : [`ranges[${at}]${problem}`];
  });
}
