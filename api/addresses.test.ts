import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bracketed, canonicalAddress, familyOfAddress, IP_ADDRESS_OR_CIDR } from '../common/addresses.ts';
import { addresses, hosts, interfaces } from '../test/support/generated-pools.ts';
import { NO_VIRTUAL_ADDRESS, peerProblem, virtualAddressProblem } from './addresses.ts';
import { addressOfHost, hostHeaderProblem, hostRules } from './hosts.ts';
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

describe('an address', () => {
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
        const url = `http://${bracketed(host)}:8080/`;
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
