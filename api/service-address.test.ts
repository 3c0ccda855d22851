import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical } from '../common/addresses.ts';
import { claimName, serviceAddressSpecSchema } from './service-address.ts';

const owner = { namespace: 'default', name: 'web', uid: 'u' };
const retained = { namespace: 'default', name: 'web', since: '2026-01-01T00:00:00Z' };

function problems(spec: object): string[] {
  const claim = { address: '192.168.11.7', pool: 'web', owners: [owner], ...spec };
  return (serviceAddressSpecSchema.safeParse(claim).error?.issues ?? []).map(({ path, message }) =>
    [path.join('.'), message].join(': '),
  );
}

describe('the name of the claim on an address', () => {
  it.each([
    ['192.168.11.7', '192.168.11.7'],
    ['fd00::1', 'fd00-0000-0000-0000-0000-0000-0000-0001'],
    ['fd00:0:0:0:0:0:0:1', 'fd00-0000-0000-0000-0000-0000-0000-0001'],
    ['2001:DB8::A:0', '2001-0db8-0000-0000-0000-0000-000a-0000'],
  ])('of %s is %s', (address, name) => {
    expect(claimName(address)).toBe(name);
  });

  it('is one for each address, and one that objects may have', () => {
    const addresses = fc.oneof(fc.ipV4(), fc.ipV6().map(canonical));
    fc.assert(
      fc.property(addresses, addresses, (one, other) => {
        expect(claimName(one) === claimName(other)).toBe(canonical(one) === canonical(other));
        expect(claimName(one)).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
      }),
    );
  });
});

describe('a claim', () => {
  it('has owners, or says for whom it is retained', () => {
    expect(problems({})).toEqual([]);
    expect(problems({ owners: [], retained })).toEqual([]);
    expect(problems({ owners: [] })).toEqual([': give owners, or say for whom the address is retained']);
  });

  it.each(['FD00::1', 'fd00::0001', 'fd00:00::1'])('has no address in the long notation %s', (address) => {
    expect(problems({ address })).toEqual([
      `address: "${address}" is not in the shortest notation, in which addresses are compared (RFC 5952)`,
    ]);
  });

  it.each(['127.0.0.1', 'fe80::1', '::ffff:a00:1', '::1', 'ff02::1'])('has not %s', (address) => {
    expect(problems({ address })).toEqual([`address: "${address}" is no address that a Service can have`]);
  });

  it.each(['10.0.0.1/24', 'web', '', '10.0.0.01'])('has not "%s", which is no address', (address) => {
    expect(problems({ address })).toEqual([
      `address: ${JSON.stringify(address)} is not an IPv4 or IPv6 address without a prefix`,
    ]);
  });
});
