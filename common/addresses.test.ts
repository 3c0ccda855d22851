import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addresses } from '../test/support/generated-pools.ts';
import {
  addressOfNumber,
  bitsOf,
  bracketed,
  canonical,
  canonicalAddress,
  familyOf,
  familyOfAddress,
  IP_ADDRESS,
  ipv4Of,
  isSubnet,
  isSubnetsOwn,
  numberOfAddress,
  parseAddress,
  reserved4,
  subnetOf,
  subnetsOf,
  unmapped,
} from './addresses.ts';

/** Without a prefix. */
const texts = addresses.map((text) => text.split('/')[0] ?? '');
const RUNS = { numRuns: 2000 };

function bits(address: string): bigint {
  if (isIP(address) === 4) return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const [head = '', tail = ''] = address.split('::');
  const [before = [], after = []] = [head, tail].map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

function sorted(...given: string[]): (string | undefined)[] {
  const key = (text: string) => parseAddress(text)?.sortKey ?? '';
  return given.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

describe('an address', () => {
  it('is what Node takes for one, but for a zone and for dots in IPv6', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const dotted = text.includes(':') && text.includes('.');
        const family = text.includes('%') || dotted ? 0 : isIP(text);
        expect(familyOfAddress(text) ?? 0).toBe(family);
        expect(IP_ADDRESS.test(text)).toBe(family !== 0);
        expect(canonicalAddress(text) === undefined).toBe(family === 0);
      }),
      RUNS,
    );
  });

  it('has one spelling, whatever it is written like', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const canonical = canonicalAddress(text);
        if (canonical === undefined) return;
        expect(canonicalAddress(canonical)).toBe(canonical);
        expect(bits(canonical)).toBe(bits(text));
      }),
      RUNS,
    );
  });

  it('with a prefix is its subnet’s own when all bits behind that are alike', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 128 }), (text, length) => {
        const family = familyOfAddress(text);
        if (family === undefined) return;
        const width = family === 4 ? 32 : 128;
        const prefix = Math.min(length, width);
        const size = 1n << BigInt(width - prefix);
        const host = bits(text) % size;
        const expected = width - prefix >= 2 && (host === 0n || (family === 4 && host === size - 1n));
        expect(isSubnetsOwn(text, prefix)).toBe(expected);
      }),
      RUNS,
    );
  });

  it('is compared in the form in which the kernel shows it', () => {
    for (const given of ['2001:DB8:0:0::0010', '2001:db8::10', '2001:0db8::0:10/64']) {
      expect(parseAddress(given)).toMatchObject({ given, address: '2001:db8::10', family: 6 });
    }
    expect(parseAddress('192.168.1.200/24')).toMatchObject({ address: '192.168.1.200', family: 4 });
  });

  it('sorts by number, IPv4 first', () => {
    const order = ['192.168.1.9', '192.168.1.10', '192.168.2.1', '::1', 'fd00::2', 'fd00::10', 'fd00:0:0:1::'];
    expect(sorted(...order.toReversed())).toEqual(order);
  });

  it.each([
    '',
    '192.168.1',
    '192.168.1.256',
    '192.168.001.1',
    '192.168.1.1/33',
    '192.168.1.1/',
    '192.168.1.1/0',
    '192.168.1.1/024',
    '::ffff:192.168.1.1',
    'fd00::1\n',
    '192.168.1.1/2/4',
    'fd00::1/129',
    'fe80::1%eth0',
    'host',
  ])('is not what "%s" is', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('an address of IPv6', () => {
  it('has the spelling that a URL gives it', () => {
    fc.assert(
      fc.property(texts, (text) => {
        if (familyOfAddress(text) !== 6) return;
        expect(canonicalAddress(text)).toBe(new URL(`http://[${text}]`).hostname.slice(1, -1));
      }),
      RUNS,
    );
  });

  it('is in brackets before a port, once', () => {
    const hosts = ['fd00::1', '[fd00::1]', 'fe80::1%eth0', '10.0.0.1', 'a.example'];
    expect(hosts.map(bracketed)).toEqual(['[fd00::1]', '[fd00::1]', '[fe80::1%eth0]', '10.0.0.1', 'a.example']);
  });

  it('that is one of IPv4 is found out', () => {
    expect(['::ffff:a00:1', '::a00:1', 'FD00:0::1', '10.0.0.1'].map(unmapped)).toEqual([
      '10.0.0.1',
      '::a00:1',
      'fd00::1',
      '10.0.0.1',
    ]);
  });
});

describe('the form by which addresses are compared', () => {
  it('has no prefix, and leaves what is no address alone', () => {
    const given = ['10.0.0.1/24', 'FD00:0::1/64', 'FD00:0::1', '10.0.0.1/33', '010.0.0.1', 'a/b', ''];
    expect(given.map(canonical)).toEqual(['10.0.0.1', 'fd00::1', 'fd00::1', '10.0.0.1/33', '010.0.0.1', 'a/b', '']);
  });

  it('is made of the number of an address of IPv4', () => {
    expect([0, 1, 0xc0_a8_01_c8, 0xff_ff_ff_ff].map(ipv4Of)).toEqual([
      '0.0.0.0',
      '0.0.0.1',
      '192.168.1.200',
      '255.255.255.255',
    ]);
  });
});

describe('a subnet', () => {
  it('has the addresses that the kernel finds in it, and none of the other family', () => {
    fc.assert(
      fc.property(texts, texts, fc.integer({ min: 1, max: 128 }), (network, address, length) => {
        const [family, other] = [familyOfAddress(network), familyOfAddress(address)];
        if (family === undefined || other === undefined) return;
        const prefix = Math.min(length, family === 4 ? 32 : 128);
        const list = new BlockList();
        list.addSubnet(network, prefix, `ipv${family}`);
        // What is IPv4 in IPv6's notation is in IPv4's subnets for a block list.
        const expected = family === other && list.check(address, `ipv${other}`);
        expect(subnetOf(network, prefix)(bitsOf(address))).toBe(expected);
        // Close by, as random ones are not.
        expect(subnetOf(network, prefix)(bitsOf(canonical(network)))).toBe(true);
      }),
      RUNS,
    );
  });

  it('keeps its first and its last address for itself, if it has more than two', () => {
    expect(reserved4('192.168.1.77', 24)).toEqual({ network: '192.168.1.0', broadcast: '192.168.1.255' });
    expect(reserved4('192.168.1.77', 30)).toEqual({ network: '192.168.1.76', broadcast: '192.168.1.79' });
    expect(reserved4('192.168.1.77', 1)).toEqual({ network: '128.0.0.0', broadcast: '255.255.255.255' });
    expect(reserved4('192.168.1.77', 31)).toBeUndefined();
    expect(reserved4('192.168.1.77', 32)).toBeUndefined();
  });

  it('of one family is told by a colon', () => {
    expect(['10.0.0.1', '10.0.0.1/8', '::', 'fd00::1/64'].map(familyOf)).toEqual([4, 4, 6, 6]);
  });
});

describe('the number of an address', () => {
  it.each([
    ['0.0.0.1', 1n],
    ['10.0.1.255', 0x0a00_01ffn],
    ['255.255.255.255', 2n ** 32n - 1n],
    ['::1', 1n],
    ['fd00::1:0', (0xfd00n << 112n) + 0x1_0000n],
  ])('of %s is %i', (address, number) => {
    expect(numberOfAddress(address)).toBe(number);
  });

  it('leads back to it, in its one spelling', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = unmapped(text);
        expect(addressOfNumber(numberOfAddress(address), familyOf(address))).toBe(canonical(address));
      }),
    );
  });

  it('is that of an address alone', () => {
    expect(() => numberOfAddress('web')).toThrow();
  });
});

describe('a subnet', () => {
  it.each(['10.0.0.0/24', '10.0.0.4/30', '10.0.0.7/32', '128.0.0.0/1', 'fd00::/64', 'FD00:0::8/125', 'fd00::7/128'])(
    'is %s',
    (text) => {
      expect(isSubnet(text)).toBe(true);
    },
  );

  it.each([
    '10.0.0.1/24',
    '10.0.0.1/31',
    'fd00::1/64',
    '10.0.0.0',
    '10.0.0.0/0',
    '10.0.0.0/33',
    '10.0.0.00/24',
    'web',
    '',
  ])('is not "%s"', (text) => {
    expect(isSubnet(text)).toBe(false);
  });
});

describe('subnetsOf', () => {
  const find = subnetsOf(['192.0.2.1/24', '198.51.100.7/32', 'fd00::1/64', 'no/24', '10.0.0.1']);

  it.each([
    ['192.0.2.200', '192.0.2.1/24'],
    ['198.51.100.7', undefined],
    ['10.0.0.1', undefined],
    ['fd00::5', 'fd00::1/64'],
    ['fd00:1::5', undefined],
  ])('finds for %s: %s', (address, subnet) => {
    expect(find(address)).toBe(subnet);
  });
});
