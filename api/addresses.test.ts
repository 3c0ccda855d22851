import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addresses, hosts, interfaces } from '../test/support/generated-pools.ts';
import {
  canonicalAddress,
  familyOfAddress,
  IP_ADDRESS,
  IP_ADDRESS_OR_CIDR,
  isSubnetsOwn,
  NO_VIRTUAL_ADDRESS,
  peerProblem,
  virtualAddressProblem,
} from './addresses.ts';
import { addressOfHost, hostHeaderProblem, hostRules, urlHost } from './hosts.ts';
import { interfaceProblem } from './interfaces.ts';
import { problemOf } from './rules.ts';

/** Without a prefix. */
const texts = addresses.map((text) => text.split('/')[0] ?? '');
const RUNS = { numRuns: 2000 };

/** All addresses that no host of a network has, as the kernel sees them. */
const NO_HOSTS = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  NO_HOSTS.addSubnet(network, prefix, 'ipv4');
}
// What is IPv4 in IPv6's notation has a rule of its own.
for (const [network, prefix] of [
  ['::', 96],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  NO_HOSTS.addSubnet(network, prefix, 'ipv6');
}

function bits(address: string): bigint {
  if (isIP(address) === 4) return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const [head = '', tail = ''] = address.split('::');
  const [before = [], after = []] = [head, tail].map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
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

  it('can be a virtual one, or a peer’s, when a host can have it', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const canonical = canonicalAddress(text);
        const mapped = canonical?.startsWith('::ffff:') && canonical.split(':').length === 5;
        const family = familyOfAddress(text);
        const expected =
          canonical !== undefined && !mapped && !NO_HOSTS.check(canonical, family === 6 ? 'ipv6' : 'ipv4');
        expect(virtualAddressProblem(text) === undefined).toBe(expected);
        expect(peerProblem(text) === undefined).toBe(expected);
        // What the API server asks of plans by two patterns.
        expect(IP_ADDRESS_OR_CIDR.test(text) && !NO_VIRTUAL_ADDRESS.test(text)).toBe(expected);
      }),
      RUNS,
    );
  });
});

describe('a host', () => {
  it('is one of which a URL can be made that leads there', () => {
    fc.assert(
      fc.property(hosts, (host) => {
        if (problemOf(hostRules, host) !== undefined) return;
        const url = `http://${urlHost(host)}:8080/`;
        expect(URL.canParse(url)).toBe(true);
        const named = new URL(url).hostname.replace(/^\[|\]$/g, '');
        expect(named).toBe(canonicalAddress(host) ?? host.toLowerCase());
      }),
      RUNS,
    );
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0x0a000001', '10.0.0.1'],
    ['10.1', '10.0.0.1'],
    ['010.0.0.1', '8.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['[::ffff:a00:1]', '10.0.0.1'],
    ['FD00:0::1', 'fd00::1'],
    ['[fd00::1]', 'fd00::1'],
    ['localhost', undefined],
    ['a b', undefined],
  ])('is the address %s as connections take it: %s', (host, address) => {
    expect(addressOfHost(host)).toBe(address);
  });

  it('has a header of one line', () => {
    expect(hostHeaderProblem('')).toBeUndefined();
    expect(hostHeaderProblem('a.example:80')).toBeUndefined();
    expect(hostHeaderProblem('a\r\nb')).toContain('"a\\r\\nb" is no value of a Host header');
  });
});

describe('an interface', () => {
  it('that is taken is one word of up to 15 letters, or a MAC address: nothing that means anything to keepalived or a shell', () => {
    fc.assert(
      fc.property(interfaces, (name) => {
        if (interfaceProblem(name) !== undefined) return;
        expect(name).toMatch(/^$|^[\w.+][\w.+-]{0,14}$|^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i);
        expect(['lo', '.', '..', '00:00:00:00:00:00']).not.toContain(name);
      }),
      RUNS,
    );
  });

  it.each(['eth0', 'enp0s31f6.100', 'br-lan', 'wlan_0', 'team0+1', '52:54:00:ab:CD:ef', ''])('can be "%s"', (name) => {
    expect(interfaceProblem(name)).toBeUndefined();
  });
});
