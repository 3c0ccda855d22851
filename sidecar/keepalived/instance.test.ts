import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../testing/settings.ts';
import { resolveInstance, virtualAddresses } from './instance.ts';
import type { NetworkView } from './network.ts';
import { NodeSubnets } from './node-subnets.ts';
import { wishesOf } from './wishes.ts';

const network: NetworkView = {
  interfaces: [
    { name: 'lo', mac: '00:00:00:00:00:00', addresses: [{ address: '127.0.0.1', prefixLength: 8, family: 4 }] },
    {
      name: 'eth0',
      mac: '52:54:00:00:00:01',
      addresses: [
        { address: '192.0.2.11', prefixLength: 24, family: 4 },
        { address: '2001:db8::11', prefixLength: 64, family: 6 },
      ],
    },
    { name: 'eth1', mac: '52:54:00:00:00:02', addresses: [{ address: '198.51.100.11', prefixLength: 25, family: 4 }] },
    { name: 'eth9', mac: '', addresses: [] },
  ],
  defaultInterface: { 4: 'eth1' },
};

function resolve(changes: Partial<ReturnType<typeof defaultSettings>['vrrp']>, view = network) {
  const settings = defaultSettings();
  const wishes = wishesOf({ ...settings, vrrp: { ...settings.vrrp, ...changes } }, null);
  const [wish] = wishes;
  if (wish === undefined) throw new Error('no instance is wished for');
  return resolveInstance(wish, new NodeSubnets(view, virtualAddresses(wishes)), { nodeAddress: '192.0.2.11' });
}

describe('an instance', () => {
  it('is put on the interface whose subnet contains the address', () => {
    expect(resolve({ addresses: ['198.51.100.100/25'] })).toMatchObject({
      interface: 'eth1',
      addresses: [{ interface: 'eth1' }],
    });
  });

  it('is put on the default route’s interface when no subnet contains the address', () => {
    expect(resolve({ addresses: ['203.0.113.7/32'] }).interface).toBe('eth1');
  });

  it('is not drawn to an interface by a virtual address that is on it already', () => {
    const held = structuredClone(network) as unknown as { interfaces: { addresses: object[] }[] };
    held.interfaces[2]?.addresses.push({ address: '192.0.2.100', prefixLength: 24, family: 4 });
    const view = { ...network, interfaces: [...held.interfaces].reverse() } as unknown as NetworkView;
    expect(resolve({ addresses: ['192.0.2.100/24'] }, view).interface).toBe('eth0');
  });

  it('takes the subnet’s prefix when none is given, and a host’s when no subnet contains the address', () => {
    const { addresses } = resolve({ addresses: ['192.0.2.100', '2001:DB8::0100', '203.0.113.7'] });
    expect(addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`)).toEqual([
      '192.0.2.100/24',
      '2001:db8::100/64',
      '203.0.113.7/32',
    ]);
  });

  it('finds an interface by its MAC address', () => {
    expect(resolve({ addressInterface: '52:54:00:00:00:02' }).addresses[0]?.interface).toBe('eth1');
  });

  it('speaks VRRP on another interface when told to, also on one without an address', () => {
    expect(resolve({ interface: 'eth9', addressInterface: 'eth0' })).toMatchObject({
      interface: 'eth9',
      addresses: [{ interface: 'eth0' }],
    });
  });

  it.each([
    [{ interface: 'ens160' }, 'vrrp.interface: this node has no interface ens160; it has lo'],
    [{ addressInterface: '52:54:00:00:00:99' }, 'vrrp.addressInterface: this node has no interface 52:54:00:00:00:99'],
    [{ addresses: ['2001:db8:9::1'] }, 'vrrp.addresses: no interface of this node has a subnet with 2001:db8:9::1'],
    [{ unicastPeers: ['192.0.2.11'] }, 'vrrp.unicastPeers: has no other node than this one'],
    [{ unicastPeers: ['192.0.2.12', '2001:db8::12'] }, 'vrrp.unicastPeers: has IPv4 and IPv6 addresses'],
    [{ unicastPeers: ['2001:db8::12'], interface: 'eth1' }, 'vrrp.unicastPeers: eth1 has no IPv6 address to send from'],
  ])('is refused for %j, with the field and what there is', (changes, message) => {
    expect(() => resolve(changes)).toThrow(message);
  });

  it('leaves this node out of the peers and sends from its address', () => {
    expect(resolve({ unicastPeers: ['192.0.2.12', '192.0.2.11', '192.0.2.13'] }).unicast).toEqual({
      sourceAddress: '192.0.2.11',
      peers: ['192.0.2.12', '192.0.2.13'],
    });
  });
});
