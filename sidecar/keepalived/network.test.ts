import { describe, expect, it } from 'vitest';
import {
  parseDefaultRoute4,
  parseDefaultRoute6,
  parseInterfaceNames,
  presentAddresses,
  readNetwork,
} from './network.ts';

describe('the node’s network', () => {
  it('names interfaces without an address too', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes',
      '    lo:     936      12    0    0',
      'eth9:0        0       0    0    0',
      '  br0:        0       0    0    0',
    ].join('\n');
    expect(parseInterfaceNames(text)).toEqual(['lo', 'eth9', 'br0']);
  });

  it('takes the default route with the lowest metric', () => {
    const text = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0',
      'eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0',
      'eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0',
    ].join('\n');
    expect(parseDefaultRoute4(text)).toBe('eth0');
    expect(parseDefaultRoute4('Iface\n')).toBeUndefined();
  });

  it('takes no unreachable default route on lo for an IPv6 one', () => {
    const zero = '0'.repeat(32);
    const text = [
      `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
      `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0`,
    ].join('\n');
    expect(parseDefaultRoute6(text)).toBe('eth0');
  });

  it('sees loopback on the machine that runs this', async () => {
    expect(presentAddresses().get('lo')?.has('127.0.0.1')).toBe(true);
    const { interfaces } = await readNetwork();
    expect(interfaces.find(({ name }) => name === 'lo')?.addresses).toContainEqual({
      address: '127.0.0.1',
      prefixLength: 8,
      family: 4,
    });
  });
});
