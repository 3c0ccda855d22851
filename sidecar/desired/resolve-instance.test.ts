import { describe, expect, it } from 'vitest';
import type { NetworkInterface, NetworkView } from '../network/network.ts';
import { NodeSubnets } from '../network/node-subnets.ts';
import { anotherOwn, desiredOf } from '../testing/desired.ts';
import { planOf } from '../testing/plan.ts';
import { defaultSettings } from '../testing/settings.ts';
import type { DesiredInstance } from './desired.ts';
import type { Placement, ResolveContext } from './placement.ts';
import { resolveInstance } from './resolve-instance.ts';

const lo = { name: 'lo', mac: '00:00:00:00:00:00', addresses: [own('127.0.0.1', 8)] };
const eth0: NetworkInterface = {
  name: 'eth0',
  mac: '52:54:00:00:00:01',
  carrier: true,
  addresses: [own('192.0.2.11', 24), own('2001:db8::11', 64)],
};
const eth1: NetworkInterface = {
  name: 'eth1',
  mac: '52:54:00:00:00:02',
  carrier: true,
  addresses: [own('198.51.100.11', 25)],
};
const eth9: NetworkInterface = { name: 'eth9', mac: '', carrier: true, addresses: [] };
const network: NetworkView = { interfaces: [lo, eth0, eth1, eth9], defaultInterface: { 4: 'eth1' } };
const twoNics: NetworkView = { ...network, defaultInterface: { 4: 'eth0' } };

function own(address: string, prefixLength: number) {
  return { address, prefixLength, family: address.includes(':') ? (6 as const) : (4 as const) };
}

/** A network with other interfaces of these names. */
function changed(view: NetworkView, ...others: NetworkInterface[]): NetworkView {
  const byName = new Map([...view.interfaces, ...others].map((one) => [one.name, one]));
  return { ...view, interfaces: [...byName.values()] };
}

type VrrpSettings = ReturnType<typeof defaultSettings>['vrrp'];

function resolved(
  changes: Partial<VrrpSettings>,
  view = network,
  context: Partial<ResolveContext> = {},
  putOn: string[] = [],
) {
  const settings = defaultSettings();
  const [desired] = desiredOf({ ...settings, vrrp: { ...settings.vrrp, ...changes } }).instances;
  if (desired === undefined) throw new Error('no instance is desired');
  return resolveInstance(desired, new NodeSubnets(view, new Set(putOn)), { nodeAddress: '192.0.2.11', ...context });
}

function resolve(...args: Parameters<typeof resolved>) {
  return resolved(...args).instance;
}

/** Resolves for one network and then, with what was found there, for another. */
function later(changes: Partial<VrrpSettings>, first: NetworkView, then: NetworkView) {
  return resolved(changes, then, { before: resolved(changes, first).placement });
}

describe('an instance', () => {
  it('is put on the interface whose subnet contains the address', () => {
    expect(resolve({ addresses: ['198.51.100.100/25'] })).toMatchObject({
      interface: 'eth1',
      addresses: [{ interface: 'eth1' }],
    });
  });

  it('without an address speaks where one would be, in its family, and has none', () => {
    const spare = (like: string, changes: Partial<DesiredInstance['vrrp']> = {}) =>
      resolveInstance(anotherOwn('web-0', { addresses: [], like, ...changes }), new NodeSubnets(network, new Set()), {
        nodeAddress: '192.0.2.11',
      });
    const { instance, placement, shortcomings } = spare('198.51.100.100');
    expect(instance).toMatchObject({ interface: 'eth1', addresses: [], spare: 4 });
    expect([placement, shortcomings]).toEqual([{ addresses: [] }, []]);
    expect(spare('2001:db8::100').instance).toMatchObject({ interface: 'eth0', spare: 6 });
    const unicast = { unicastPeers: ['192.0.2.12'], peersAreOthers: true };
    expect(spare('2001:db8::100', unicast).instance).toMatchObject({
      ...{ interface: 'eth0', spare: 4, unicast: { sourceAddress: '192.0.2.11' } },
    });
    // It is not held: whose it is does not matter.
    expect(spare('192.0.2.11').instance).toMatchObject({ interface: 'eth0' });
    expect(() => spare('2001:db8::100', { version: 2 })).toThrow('needs version 3 of VRRP');
    expect(resolve({ addresses: ['198.51.100.100'] })).not.toHaveProperty('spare');
  });

  it('is put on the default route’s interface when no subnet contains the address', () => {
    expect(resolve({ addresses: ['203.0.113.7/32'] }).interface).toBe('eth1');
  });

  it('is not drawn to an interface by a virtual address that was put on it', () => {
    const view = changed(network, { ...eth1, addresses: [...eth1.addresses, own('192.0.2.100', 24)] });
    expect(resolve({ addresses: ['192.0.2.100/24'] }, view, {}, ['192.0.2.100']).interface).toBe('eth0');
  });

  it('puts IPv4 on as a host’s address where the node has its subnet, so that it is no secondary of the node’s own nor its primary', () => {
    const addresses = [
      '192.0.2.100/24',
      '198.51.100.99',
      '203.0.113.7/29',
      '203.0.113.99',
      '2001:DB8::0100',
      '2001:db8:9::1/64',
    ];
    const view = { ...network, defaultInterface: { 4: 'eth1', 6: 'eth0' } };
    const found = resolve({ addresses }, view).addresses;
    expect(found.map(({ address, prefixLength, interface: on }) => `${address}/${prefixLength} ${on}`)).toEqual([
      '192.0.2.100/32 eth0',
      '198.51.100.99/32 eth1',
      '203.0.113.7/29 eth1',
      '203.0.113.99/32 eth1',
      '2001:db8::100/64 eth0',
      '2001:db8:9::1/64 eth0',
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
    [
      { unicastPeers: ['192.0.2.12', '192.0.2.13'] },
      "vrrp.unicastPeers: has none of this node's addresses (192.0.2.11, 198.51.100.11, 2001:db8::11)",
    ],
    [
      { unicastPeers: ['192.0.2.11', '192.0.2.12'], interface: 'eth1' },
      'vrrp.unicastPeers: has this node as 192.0.2.11, which is on eth0, but vrrp.interface asks for eth1',
    ],
    [
      { addresses: ['192.0.2.255'] },
      "vrrp.addresses: 192.0.2.255 is the broadcast address of eth0's subnet 192.0.2.0/24",
    ],
    [
      { addresses: ['198.51.100.0'] },
      "vrrp.addresses: 198.51.100.0 is the network address of eth1's subnet 198.51.100.0/25",
    ],
    [
      { addresses: ['192.0.2.100', '192.0.2.11/24'] },
      "vrrp.addresses: 192.0.2.11 is an address of this node's own, on eth0",
    ],
    [{ addresses: ['2001:db8::11'] }, "vrrp.addresses: 2001:db8::11 is an address of this node's own, on eth0"],
  ])('is refused for %j, with the field and what there is', (changes, message) => {
    expect(() => resolve(changes)).toThrow(message);
  });

  it.each(['kube-ipvs0', 'kube-dummy-if', 'dummyvip0'])(
    'may be on %s, which has the addresses of all Services on every node',
    (name) => {
      const view = changed(network, { name, mac: '', carrier: false, addresses: [own('192.0.2.100', 32)] });
      expect(resolve({}, view).interface).toBe('eth0');
    },
  );

  it('is refused on every node where the address is some node’s own, by its name, unless it runs already', () => {
    const nodesByAddress = new Map([['192.0.2.100', 'node7']]);
    const { placement } = resolved({});
    expect(() => resolve({}, network, { nodesByAddress })).toThrow(
      'vrrp.addresses: 192.0.2.100 is the address of the node node7; give a free address of the network',
    );
    expect(resolve({}, network, { nodesByAddress, before: placement }).interface).toBe('eth0');
  });
});

describe('an interface that is found by subnet', () => {
  const overlapping = changed(
    network,
    { ...eth0, addresses: [own('10.9.0.11', 8)] },
    { ...eth1, addresses: [own('10.1.2.11', 24)] },
  );

  it('is the one with the longest prefix', () => {
    expect(resolve({ addresses: ['10.1.2.100'] }, overlapping).interface).toBe('eth1');
    expect(resolve({ addresses: ['10.1.3.100'] }, overlapping).interface).toBe('eth0');
  });

  it('is the default route’s where two have the same subnet', () => {
    const view = changed(twoNics, { ...eth1, addresses: [own('192.0.2.12', 24)] });
    expect(resolve({}, view).interface).toBe('eth0');
    expect(resolve({}, { ...view, defaultInterface: { 4: 'eth1' } }).interface).toBe('eth1');
  });

  it.each([
    'docker0',
    'br-0123456789ab',
    'cni0',
    'cni-podman0',
    'podman1',
    'virbr0',
    'cali123',
    'flannel.1',
    'cilium_host',
    'kube-bridge',
    'lxdbr0',
  ])('is not %s, which a container runtime or a network plugin made, unless the default route leaves by it', (name) => {
    const bridge = { name, mac: '', carrier: true, addresses: [own('172.17.0.1', 16)] };
    const view = changed(twoNics, bridge);
    expect(resolve({ addresses: ['172.17.0.100'] }, view).interface).toBe('eth0');
    expect(resolve({ addresses: ['172.17.0.100'] }, { ...view, defaultInterface: { 4: name } }).interface).toBe(name);
    expect(resolve({ addresses: ['172.17.0.100'], addressInterface: name }, view).interface).toBe(name);
  });

  it('is any other bridge', () => {
    const view = changed(twoNics, { name: 'br0', mac: '', carrier: true, addresses: [own('172.17.0.11', 16)] });
    expect(resolve({ addresses: ['172.17.0.100'] }, view).interface).toBe('br0');
  });
});

describe('an interface once found', () => {
  const changes = { addresses: ['198.51.100.100/25'] };
  const bare = changed(twoNics, { ...eth1, addresses: [] });
  const without = { ...twoNics, interfaces: [lo, eth0] };

  it('stays when its own address goes, and that is told', () => {
    const { instance, shortcomings } = later(changes, twoNics, bare);
    expect(instance).toEqual(resolve(changes, twoNics));
    expect(shortcomings.map(({ message }) => message)).toEqual([
      'eth1 has no IPv4 address of its own, and VRRP by multicast needs one to send from: give it one, or set keepalived.vipInterfaceName to an interface that has one',
      'vrrp.addresses: 198.51.100.100 belongs to eth1, which has no address of its subnet at the moment; waiting for that',
    ]);
  });

  it('stays when another turns out to have a smaller subnet, or the subnet moves', () => {
    const smaller = changed(twoNics, { ...eth9, addresses: [own('198.51.100.98', 28)] });
    expect(later(changes, twoNics, smaller).instance.interface).toBe('eth1');
    const moved = changed(bare, { ...eth9, addresses: [own('198.51.100.11', 25)] });
    expect(later(changes, twoNics, moved).instance.interface).toBe('eth1');
  });

  it('is waited for when it is gone: no other takes the address', () => {
    const message =
      'vrrp.addresses: 198.51.100.100 belongs to eth1, and this node has no such interface any more; waiting for it';
    expect(() => later(changes, twoNics, without)).toThrow(message);
    expect(later(changes, twoNics, twoNics).instance.interface).toBe('eth1');
  });

  it('gives way to one with the subnet where it was only the default route’s, and to no other default route', () => {
    const { placement } = resolved(changes, without);
    expect(placement.addresses[0]).toMatchObject({ interface: 'eth0', found: 'route' });
    expect(resolve(changes, twoNics, { before: placement }).interface).toBe('eth1');
    const rerouted = { ...without, interfaces: [lo, eth0, eth9], defaultInterface: { 4: 'eth9' } };
    expect(resolve(changes, rerouted, { before: placement }).interface).toBe('eth0');
    expect(resolve(changes, { ...without, defaultInterface: {} }, { before: placement }).interface).toBe('eth0');
  });

  it('gives way to one that is named', () => {
    const before = resolved(changes, twoNics).placement;
    expect(resolve({ ...changes, addressInterface: 'eth0' }, twoNics, { before }).interface).toBe('eth0');
    const named = resolved({ ...changes, addressInterface: 'eth0' }, twoNics).placement;
    expect(resolve(changes, twoNics, { before: named }).interface).toBe('eth1');
  });

  it('keeps the prefix that came from its subnet', () => {
    const ipv6 = { addresses: ['2001:db8::100'] };
    const { instance } = later(ipv6, network, changed(network, { ...eth0, addresses: [own('192.0.2.11', 24)] }));
    expect(instance.addresses[0]).toMatchObject({ interface: 'eth0', prefixLength: 64 });
  });
});

describe('an interface that is named by its MAC address', () => {
  const mac = '52:54:00:00:00:07';
  const named = { addressInterface: mac.toUpperCase() };
  const bond = { name: 'bond0', mac, carrier: true, addresses: [own('192.0.2.11', 24)] };

  it('is the bond and not one of its ports, which have the same', () => {
    const port = { name: 'eth7', mac, carrier: true, enslaved: true, addresses: [] };
    expect(resolve(named, changed(network, port, bond)).interface).toBe('bond0');
    expect(resolve(named, changed(network, { ...port, enslaved: false })).interface).toBe('eth7');
  });

  it('is refused where a VLAN has the same as its card', () => {
    const vlan = { name: 'eth7.10', mac, carrier: true, addresses: [] };
    expect(() => resolve(named, changed(network, bond, vlan))).toThrow(
      'vrrp.addressInterface: 52:54:00:00:00:07 is the MAC address of bond0 and eth7.10; give the name of one of them'.replace(
        mac,
        mac.toUpperCase(),
      ),
    );
  });
});

describe('what an instance lacks', () => {
  const messages = (...args: Parameters<typeof resolved>) => resolved(...args).shortcomings;

  it('is nothing on a node that has everything', () => {
    expect(messages({ addresses: ['192.0.2.100', '2001:db8::100'] })).toEqual([]);
  });

  it('is told of an interface without an own address to speak from, and of one without a cable', () => {
    expect(messages({ interface: 'eth9', addressInterface: 'eth0' })).toEqual([
      { message: expect.stringContaining('eth9 has no IPv4 address of its own'), incomplete: false },
    ]);
    const pulled = changed(network, { ...eth0, carrier: false });
    expect(messages({}, pulled)).toEqual([
      { message: 'eth0, on which VRRP is spoken, is down or has no cable; waiting for it', incomplete: false },
    ]);
  });

  it('makes the node less fit where an address cannot be carried', () => {
    const dual = { addresses: ['192.0.2.100', '2001:db8::100'] };
    const { placement } = resolved(dual);
    const off = changed(network, { ...eth0, ipv6Disabled: true, addresses: [own('192.0.2.11', 24)] });
    expect(messages(dual, off, { before: placement })).toEqual([
      {
        message:
          'vrrp.addresses: 2001:db8::100 cannot be put on eth0: IPv6 is switched off there (net.ipv6.conf.eth0.disable_ipv6)',
        incomplete: true,
      },
    ]);
    const elsewhere = { addresses: ['192.0.2.100'], interface: 'eth1' };
    expect(messages(elsewhere, changed(network, { ...eth0, carrier: false }))).toEqual([
      {
        message: 'vrrp.addresses: 192.0.2.100 cannot be reached on eth0: it is down or has no cable',
        incomplete: true,
      },
    ]);
  });
});

describe('VRRP by unicast', () => {
  const peers = ['192.0.2.12', '192.0.2.11', '192.0.2.13'];
  const twoSubnets = changed(network, {
    ...eth0,
    addresses: [own('10.0.0.11', 24), own('192.0.2.11', 24), own('2001:db8::11', 64)],
  });

  it('leaves this node out of the peers and is spoken from the address that they know', () => {
    expect(resolve({ unicastPeers: peers }).unicast).toEqual({
      sourceAddress: '192.0.2.11',
      peers: ['192.0.2.12', '192.0.2.13'],
    });
    expect(resolve({ unicastPeers: peers }, twoSubnets, { nodeAddress: '10.0.0.11' }).unicast?.sourceAddress).toBe(
      '192.0.2.11',
    );
  });

  it('is spoken on the interface that has that address, wherever the virtual address is', () => {
    const instance = resolve({ unicastPeers: peers, addresses: ['198.51.100.100'] });
    expect(instance).toMatchObject({ interface: 'eth0', addresses: [{ interface: 'eth1' }] });
  });

  it('keeps its source when another own address comes, and waits when it goes', () => {
    const ipv6 = { unicastPeers: ['2001:db8::11', '2001:db8::12'], addresses: ['2001:db8::100'] };
    const more = changed(network, { ...eth0, addresses: [own('2001:db8::1:11', 64), ...eth0.addresses] });
    expect(later(ipv6, network, more).instance.unicast?.sourceAddress).toBe('2001:db8::11');
    const less = changed(network, { ...eth0, addresses: [own('2001:db8::1:11', 64)] });
    expect(() => later(ipv6, network, less)).toThrow(
      'vrrp.unicastPeers: 2001:db8::11, by which the peers know this node, is not on eth0 any more; waiting for it',
    );
  });

  it('takes no own address for a peer’s while it is gone for a moment', () => {
    const both = { unicastPeers: ['192.0.2.11', '10.0.0.11', '192.0.2.12'] };
    const before: Placement = resolved(both, twoSubnets).placement;
    expect(before.unicast?.own).toEqual(['192.0.2.11', '10.0.0.11']);
    expect(resolve(both, network, { before }).unicast).toEqual({ sourceAddress: '192.0.2.11', peers: ['192.0.2.12'] });
  });

  it('follows a list that was changed', () => {
    const before = resolved({ unicastPeers: peers }, twoSubnets).placement;
    const moved = { unicastPeers: ['10.0.0.11', '10.0.0.12'] };
    expect(resolve(moved, twoSubnets, { before }).unicast).toEqual({
      sourceAddress: '10.0.0.11',
      peers: ['10.0.0.12'],
    });
  });

  it('of a pool is spoken from the node’s address in Kubernetes, by which the others know it', () => {
    const plan = planOf('p', 1, { peers: ['198.51.100.12'] });
    const planned = desiredOf(defaultSettings(), plan).instances.find(({ name }) => name === 'default-0');
    if (planned === undefined) throw new Error('no instance of the plan');
    const from = (nodeAddress: string) =>
      resolveInstance(planned, new NodeSubnets(network, new Set()), { nodeAddress }).instance;
    expect(from('198.51.100.11')).toMatchObject({
      interface: 'eth1',
      unicast: { sourceAddress: '198.51.100.11', peers: ['198.51.100.12'] },
      addresses: [{ interface: 'eth0' }],
    });
    expect(() => from('203.0.113.11')).toThrow(
      'the other nodes know this one as 203.0.113.11, which is on none of its interfaces',
    );
  });
});
