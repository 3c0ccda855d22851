import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressOfNumber,
  type Family,
  HOST_PREFIX_LENGTH,
  isSubnetsOwn,
  numberOfAddress,
} from '../../common/addresses.ts';
import { PoolRanges, type RangesSpec, rangeProblems } from './ranges.ts';

function all(spec: RangesSpec, family: Family = 4): string[] {
  const ranges = PoolRanges.of(spec);
  return Array.from({ length: ranges.size(family) }, (_, at) => ranges.at(family, at));
}

/** Addresses 10.0.0.x by their last byte. */
function last(spec: RangesSpec): number[] {
  return all(spec).map((address) => Number(address.split('.')[3]));
}

function numbers(first: number, until: number): number[] {
  return Array.from({ length: until - first + 1 }, (_, at) => first + at);
}

const FIRST: Readonly<Record<Family, bigint>> = { 4: numberOfAddress('10.0.0.0'), 6: numberOfAddress('fd00::') };

/** An address near the first one. */
function addressAt(family: Family, at: number): string {
  return addressOfNumber(FIRST[family] + BigInt(at), family);
}

/** Places in a row: a subnet, or from one to another. */
interface DrawnRange {
  readonly first: number;
  readonly last: number;
  readonly isSubnet: boolean;
  /** Bits of the host that `prefixLength` leaves; undefined: it is not given. */
  readonly hostBits: number | undefined;
}

interface DrawnPool {
  readonly family: Family;
  readonly avoid: boolean;
  readonly ranges: readonly DrawnRange[];
  readonly excluded: readonly DrawnRange[];
}

const place = fc.integer({ min: 0, max: 300 });
const bits = fc.integer({ min: 0, max: 6 });
const hostBits = fc.option(bits, { nil: undefined });
const subnets = fc.tuple(place, bits, hostBits).map(([at, size, host]): DrawnRange => {
  const first = at - (at % 2 ** size);
  return { first, last: first + 2 ** size - 1, isSubnet: true, hostBits: host };
});
const rows = fc
  .tuple(place, fc.integer({ min: 0, max: 90 }), hostBits)
  .map(([first, length, host]): DrawnRange => ({ first, last: first + length, isSubnet: false, hostBits: host }));
const drawnPools: fc.Arbitrary<DrawnPool> = fc.record({
  family: fc.constantFrom<Family>(4, 6),
  avoid: fc.boolean(),
  ranges: fc.array(fc.oneof(subnets, rows), { maxLength: 5 }),
  excluded: fc.array(subnets, { maxLength: 4 }),
});

function lengthOf(family: Family, hosts: number): number {
  return HOST_PREFIX_LENGTH[family] - hosts;
}

function cidrOf(family: Family, { first, last: end }: DrawnRange): string {
  return `${addressAt(family, first)}/${lengthOf(family, Math.log2(end - first + 1))}`;
}

function specOf({ family, avoid, ranges, excluded }: DrawnPool): RangesSpec {
  return {
    avoidNetworkAndBroadcast: avoid,
    exclude: excluded.map((range) => cidrOf(family, range)),
    ranges: ranges.map((range) => ({
      ...(range.isSubnet
        ? { cidr: cidrOf(family, range) }
        : { first: addressAt(family, range.first), last: addressAt(family, range.last) }),
      ...(range.hostBits === undefined ? {} : { prefixLength: lengthOf(family, range.hostBits) }),
    })),
  };
}

/** Whether an address is one that no machine of its subnet may have, or is to have. */
function isAvoided({ family, avoid }: DrawnPool, range: DrawnRange, at: number): boolean {
  const ofCidr = avoid && range.isSubnet ? Math.log2(range.last - range.first + 1) : undefined;
  const hosts = range.hostBits ?? ofCidr;
  return hosts !== undefined && isSubnetsOwn(addressAt(family, at), lengthOf(family, hosts));
}

/** All addresses of a pool, one by one. */
function listed(pool: DrawnPool): string[] {
  const seen = new Set(pool.excluded.flatMap(({ first, last: end }) => numbers(first, end)));
  const places = pool.ranges.flatMap((range) =>
    numbers(range.first, range.last).filter((at) => {
      if (seen.has(at)) return false;
      seen.add(at);
      return !isAvoided(pool, range, at);
    }),
  );
  return places.map((at) => addressAt(pool.family, at));
}

describe('the addresses of a range', () => {
  it('are those of a subnet without its network and broadcast address', () => {
    expect(last({ ranges: [{ cidr: '10.0.0.128/28' }] })).toEqual(numbers(129, 142));
    expect(last({ ranges: [{ cidr: '10.0.0.128/28' }], avoidNetworkAndBroadcast: true })).toEqual(numbers(129, 142));
  });

  it('are all of the subnet where that is wished', () => {
    expect(last({ ranges: [{ cidr: '10.0.0.128/28' }], avoidNetworkAndBroadcast: false })).toEqual(numbers(128, 143));
  });

  it('are not the network and broadcast address of the subnet that their prefix says, wished or not', () => {
    const ranges = [{ cidr: '10.0.0.0/26', prefixLength: 24 }];
    expect(last({ ranges })).toEqual(numbers(1, 63));
    expect(last({ ranges, avoidNetworkAndBroadcast: false })).toEqual(numbers(1, 63));
    expect(last({ ranges: [{ first: '10.0.0.250', last: '10.0.0.255', prefixLength: 24 }] })).toEqual(
      numbers(250, 254),
    );
  });

  it('are not those of every subnet in them, and what only looks so is', () => {
    const wide = all({ ranges: [{ cidr: '10.0.0.0/23' }] });
    expect(wide).toHaveLength(510);
    expect(wide).toContain('10.0.0.255');
    expect(wide).toContain('10.0.1.0');
    const narrow = all({ ranges: [{ cidr: '10.0.0.0/23', prefixLength: 24 }] });
    expect(narrow).toHaveLength(508);
    expect(narrow).not.toContain('10.0.0.255');
    expect(narrow).not.toContain('10.0.1.0');
    expect(all({ ranges: [{ cidr: '10.0.0.0/28', prefixLength: 30 }] }).map((text) => text.slice(7))).toEqual([
      '1',
      '2',
      '5',
      '6',
      '9',
      '10',
      '13',
      '14',
    ]);
  });

  it.each([
    ['10.0.0.7/32', ['10.0.0.7']],
    ['10.0.0.6/31', ['10.0.0.6', '10.0.0.7']],
    ['10.0.0.4/30', ['10.0.0.5', '10.0.0.6']],
  ])('are of %s', (cidr, addresses) => {
    expect(all({ ranges: [{ cidr }] })).toEqual(addresses);
  });

  it.each([
    ['fd00::7/128', ['fd00::7']],
    ['fd00::6/127', ['fd00::6', 'fd00::7']],
    ['fd00::4/126', ['fd00::5', 'fd00::6', 'fd00::7']],
  ])('are of %s, of which only the first can be the routers’', (cidr, addresses) => {
    expect(all({ ranges: [{ cidr }] }, 6)).toEqual(addresses);
  });

  it('go on over the end of a byte, with both ends', () => {
    expect(all({ ranges: [{ first: '10.0.0.254', last: '10.0.1.1' }] })).toEqual([
      '10.0.0.254',
      '10.0.0.255',
      '10.0.1.0',
      '10.0.1.1',
    ]);
    expect(all({ ranges: [{ first: 'fd00::fffe', last: 'fd00::1:1' }] }, 6)).toEqual([
      'fd00::fffe',
      'fd00::ffff',
      'fd00::1:0',
      'fd00::1:1',
    ]);
  });

  it('are without what is excluded: at the ends, in the middle, a subnet, and all of a range', () => {
    const ranges = [
      { first: '10.0.0.1', last: '10.0.0.12' },
      { first: '10.0.0.20', last: '10.0.0.21' },
    ];
    const exclude = ['10.0.0.1', '10.0.0.4/30', '10.0.0.12', '10.0.0.20/31', '10.0.0.99', 'fd00::1'];
    expect(last({ ranges, exclude })).toEqual([2, 3, 8, 9, 10, 11]);
    expect(all({ ranges: [{ cidr: '10.0.0.0/30' }], exclude: ['10.0.0.0/8'] })).toEqual([]);
  });

  it('are in the order of the ranges, which may touch', () => {
    const ranges = [
      { first: '10.0.0.10', last: '10.0.0.12' },
      { first: '10.0.0.7', last: '10.0.0.9' },
      { first: '10.0.0.13', last: '10.0.0.13' },
    ];
    expect(last({ ranges })).toEqual([10, 11, 12, 7, 8, 9, 13]);
    expect(rangeProblems({ ranges })).toEqual([]);
  });

  it('count once where ranges overlap', () => {
    const ranges = [{ first: '10.0.0.4', last: '10.0.0.6' }, { cidr: '10.0.0.0/29' }];
    expect(last({ ranges })).toEqual([4, 5, 6, 1, 2, 3]);
  });

  it('are 65536 at most, the first ones, of each family', () => {
    const ranges = PoolRanges.of({ ranges: [{ cidr: 'fd00::/64' }, { cidr: 'fd01::/120' }, { cidr: '10.0.0.0/8' }] });
    expect([ranges.size(4), ranges.size(6)]).toEqual([65_536, 65_536]);
    expect(ranges.at(6, 0)).toBe('fd00::1');
    expect(ranges.at(6, 65_535)).toBe('fd00::1:0');
    expect(ranges.indexOf('fd00::1:0')).toBe(65_535);
    expect(ranges.has('fd00::1:1')).toBe(false);
    expect(ranges.has('fd01::1')).toBe(false);
    expect(ranges.at(4, 65_535)).toBe('10.1.0.0');
    expect(ranges.has('10.1.0.1')).toBe(false);
  });

  it('are none that no host may have, however wide the range is', () => {
    const across = all({ ranges: [{ first: '126.255.255.254', last: '128.0.0.1' }] });
    expect(across).toEqual(['126.255.255.254', '126.255.255.255', '128.0.0.0', '128.0.0.1']);
    expect(PoolRanges.of({ ranges: [{ first: '223.255.255.255', last: '224.0.0.18' }] }).size(4)).toBe(1);
    expect(PoolRanges.of({ ranges: [{ first: 'fe7f:ffff::', last: 'fec0::5' }] }).has('fe80::1')).toBe(false);
    expect(PoolRanges.of({ ranges: [{ cidr: '8000::/1' }] }).at(6, 0)).toBe('8000::1');
  });

  it.each<[string, RangesSpec]>([
    ['nothing', {}],
    ['a subnet that begins in its middle', { ranges: [{ cidr: '10.0.0.1/24' }] }],
    ['no subnet', { ranges: [{ cidr: 'x' }, { cidr: '10.0.0.1' }, { cidr: '10.0.0.0/33' }, { cidr: '' }] }],
    ['one end alone', { ranges: [{ first: '10.0.0.1' }, { last: '10.0.0.1' }, {}] }],
    ['ends of two families', { ranges: [{ first: '10.0.0.1', last: 'fd00::1' }] }],
    ['a range upside down', { ranges: [{ first: '10.0.0.2', last: '10.0.0.1' }] }],
    ['a prefix of the other family', { ranges: [{ cidr: '10.0.0.0/24', prefixLength: 64 }] }],
  ])('are none of %s', (_, spec) => {
    const ranges = PoolRanges.of(spec);
    expect([ranges.size(4), ranges.size(6)]).toEqual([0, 0]);
    expect(ranges.has('10.0.0.1')).toBe(false);
    expect(() => ranges.at(4, 0)).toThrow('0 is not');
  });

  it('are left whole by an exclusion that cannot be read', () => {
    const exclude = ['gateway', '', '10.0.0.1/24', '::x', '10.0.0.300'];
    expect(last({ ranges: [{ cidr: '10.0.0.0/30' }], exclude })).toEqual([1, 2]);
  });

  it('are not asked by what is no address', () => {
    const ranges = PoolRanges.of({ ranges: [{ cidr: '10.0.0.0/24' }] });
    for (const text of ['', 'x', '10.0.0.1/24', '10.0.0.01', '::ffff:10.0.0.1', 'fd00::1']) {
      expect(ranges.has(text)).toBe(false);
      expect(ranges.prefixLengthOf(text)).toBeUndefined();
    }
  });

  it('are reckoned as if they were listed', () => {
    fc.assert(
      fc.property(drawnPools, (pool) => {
        const { family } = pool;
        const spec = specOf(pool);
        const expected = listed(pool);
        expect(all(spec, family)).toEqual(expected);
        const asked = PoolRanges.of(spec);
        const places = new Map(expected.map((address, at) => [address, at]));
        const near = numbers(0, 400).map((at) => addressAt(family, at));
        expect(near.map((address) => asked.indexOf(address))).toEqual(near.map((address) => places.get(address) ?? -1));
        expect(near.filter((address) => asked.has(address))).toEqual(near.filter((address) => places.has(address)));
        expect(asked.size(family === 4 ? 6 : 4)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the prefix of an address', () => {
  const ranges = PoolRanges.of({
    ranges: [
      { cidr: '10.0.0.0/25', prefixLength: 24 },
      { cidr: '10.0.0.128/25' },
      { cidr: 'fd00::/112', prefixLength: 64 },
    ],
    exclude: ['10.0.0.9'],
  });

  it('is that of its range, or the interface’s', () => {
    expect(ranges.prefixLengthOf('10.0.0.5')).toBe(24);
    expect(ranges.prefixLengthOf('10.0.0.200')).toBeUndefined();
    expect(ranges.prefixLengthOf('fd00::5')).toBe(64);
    expect(ranges.prefixLengthOf('192.0.2.1')).toBeUndefined();
  });

  it('stays when the address is excluded, which a Service may have', () => {
    expect(ranges.has('10.0.0.9')).toBe(false);
    expect(ranges.prefixLengthOf('10.0.0.9')).toBe(24);
  });

  it('is none that would make it its subnet’s own', () => {
    expect(ranges.prefixLengthOf('10.0.0.0')).toBeUndefined();
    expect(ranges.prefixLengthOf('fd00::')).toBeUndefined();
  });
});

describe('ranges', () => {
  it.each<[string, RangesSpec, string[]]>([
    ['apart', { ranges: [{ cidr: '10.0.0.0/25' }, { cidr: '10.0.0.128/25' }, { cidr: 'fd00::/64' }] }, []],
    [
      'that overlap',
      { ranges: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }, { first: '10.0.0.255', last: '10.0.1.9' }] },
      ['ranges[2] overlaps ranges[0]; take what is in both out of one of them'],
    ],
    [
      'that are written twice',
      { ranges: [{ cidr: 'fd00::/64' }, { cidr: 'FD00:0::/64' }] },
      ['ranges[1] overlaps ranges[0]; take what is in both out of one of them'],
    ],
    ['upside down', { ranges: [{ first: 'fd00::b', last: 'fd00::a' }] }, ['ranges[0]: first must not be above last']],
    [
      'of which nothing is left',
      { ranges: [{ cidr: '10.0.0.0/24' }, { cidr: '10.0.1.0/24' }], exclude: ['10.0.1.0/24'] },
      [
        "ranges[1] gives nothing: all of it is excluded or its subnet's own; remove or widen it, or take something out of exclude",
      ],
    ],
    [
      'behind one that is too large',
      { ranges: [{ cidr: 'fd00::/64' }, { cidr: 'fd01::/64' }, { cidr: '10.0.0.0/24' }] },
      [
        'ranges[1] gives nothing: those before it have the 65536 IPv6 addresses that a pool gives at most; put it before them, or into another pool',
      ],
    ],
  ])('%s are told', (_, spec, problems) => {
    expect(rangeProblems(spec)).toEqual(problems);
  });
});
