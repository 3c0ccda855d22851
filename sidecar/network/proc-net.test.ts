import { describe, expect, it } from 'vitest';
import { bitsOf } from '../../common/addresses.ts';
import {
  parseAddresses6,
  parseConnectedRoutes4,
  parseDefaultRoute4,
  parseDefaultRoute6,
  parseInterfaceNames,
  parseLocalAddresses4,
} from './proc-net.ts';

describe('/proc/net', () => {
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

  it('tells the subnets of interfaces, with their sizes', () => {
    const text = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0',
      'eth1\t8006010A\t00000000\t0001\t0\t0\t0\t80FFFFFF\t0\t0\t0',
      'eth2\t0000800A\t0106010A\t0003\t0\t0\t0\t0000C0FF\t0\t0\t0',
    ].join('\n');
    const routes = parseConnectedRoutes4(text);
    expect(routes).toMatchObject([{ interface: 'eth1', prefixLength: 25 }]);
    expect(
      ['10.1.6.127', '10.1.6.128', '10.1.6.255', '10.1.7.0'].map((one) => routes[0]?.contains(bitsOf(one))),
    ).toEqual([false, true, true, false]);
  });

  it('tells the node’s own IPv4 addresses once, and no network or broadcast address', () => {
    const part = [
      '     +-- 192.0.2.0/24 2 0 2',
      '        |-- 192.0.2.0',
      '           /24 link UNICAST',
      '        |-- 192.0.2.2',
      '           /32 host LOCAL',
      '        |-- 192.0.2.255',
      '           /32 link BROADCAST',
    ];
    expect(parseLocalAddresses4(['Main:', ...part, 'Local:', ...part, ''].join('\n'))).toEqual(['192.0.2.2']);
  });

  it('tells IPv6 addresses whatever the state of their interface', () => {
    const text = [
      '20010db8000000000000000000000100 02 80 00 80     eth0',
      'fe800000000000000000000000000001 02 40 20 c0     eth0',
      '00000000000000000000000000000001 01 80 10 80       lo',
      '',
    ].join('\n');
    expect(Object.fromEntries(parseAddresses6(text))).toEqual({
      eth0: [
        { address: '2001:db8::100', prefixLength: 128, family: 6 },
        { address: 'fe80::1', prefixLength: 64, family: 6 },
      ],
      lo: [{ address: '::1', prefixLength: 128, family: 6 }],
    });
  });
});
