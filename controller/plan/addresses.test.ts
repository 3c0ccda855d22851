import { describe, expect, it } from 'vitest';
import { parseAddress } from './addresses.ts';

function sorted(...given: string[]): (string | undefined)[] {
  const key = (text: string) => parseAddress(text)?.sortKey ?? '';
  return given.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

describe('an address', () => {
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
