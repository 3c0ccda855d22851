import { describe, expect, it } from 'vitest';
import { addressBytes, addressBytesOf, endpointLength, endpointOf, joined, textOf } from './endpoint.ts';

describe('an endpoint', () => {
  it.each([
    ['192.0.2.1', 80, '192.0.2.1 80'],
    ['255.254.253.252', 65535, '255.254.253.252 65535'],
    ['2001:db8::1', 443, '2001:db8:0:0:0:0:0:1 443'],
  ])('of %s and port %d is read as it was written', (address, port, text) => {
    const endpoint = endpointOf(address, port);
    expect(textOf(endpoint)).toBe(text);
    expect(addressBytesOf(endpoint)).toBe(addressBytes(address));
    expect(endpoint).toHaveLength(endpointLength(address.includes(':') ? 6 : 4));
  });
});

describe('lists of clients', () => {
  it('are put together, those of the wanted addresses, each client once', () => {
    const [web, other] = [endpointOf('192.0.2.100', 80), endpointOf('192.0.2.101', 80)];
    const [ann, bob] = [endpointOf('192.0.2.1', 1025), endpointOf('192.0.2.2', 1025)];
    const all = [
      new Map([[web, new Set([ann])]]),
      new Map([
        [web, new Set([ann, bob])],
        [other, new Set([bob])],
      ]),
    ];
    expect(joined(all, (address) => address === addressBytes('192.0.2.100'))).toEqual(
      new Map([[web, new Set([ann, bob])]]),
    );
    expect(all[0]).toEqual(new Map([[web, new Set([ann])]]));
  });
});
