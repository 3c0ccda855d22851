import { describe, expect, it } from 'vitest';
import type { NetworkView } from '../network/network.ts';
import { NodeSubnets } from '../network/node-subnets.ts';
import { anotherOwn, desiredOf } from '../testing/desired.ts';
import { planOf } from '../testing/plan.ts';
import { defaultSettings } from '../testing/settings.ts';
import { virtualAddresses } from './desired.ts';
import { type ResolvedInstance, resolveAll } from './resolve.ts';

const address = { address: '192.0.2.11', prefixLength: 24, family: 4 as const };
const eth0 = { name: 'eth0', mac: '52:54:00:00:00:01', addresses: [address] };
const network: NetworkView = {
  interfaces: [eth0],
  defaultInterface: {},
};
const bare: NetworkView = { interfaces: [{ name: 'eth0', mac: '', addresses: [] }], defaultInterface: {} };
const empty: NetworkView = { interfaces: [], defaultInterface: {} };

type Placed = ReturnType<typeof resolveAll>['placements'];

function resolve(
  plan: ReturnType<typeof planOf> | null,
  view = network,
  before: readonly ResolvedInstance[] = [],
  placements: Placed = new Map(),
) {
  const desired = desiredOf(defaultSettings(), plan);
  return resolveAll(desired.instances, new NodeSubnets(view, virtualAddresses(desired)), {
    nodeAddress: '192.0.2.11',
    before: new Map(before.map((one) => [one.instance.name, one])),
    placements,
  });
}

function names({ instances }: ReturnType<typeof resolve>): string[] {
  return instances.map(({ instance }) => instance.name);
}

describe('what settings and plan ask for together', () => {
  it('is in an order that depends on names only, slots by number', () => {
    const plan = planOf('p', 12);
    const shuffled = { ...plan, instances: plan.instances.toReversed() };
    expect(desiredOf(defaultSettings(), shuffled)).toEqual(desiredOf(defaultSettings(), plan));
    expect(desiredOf(defaultSettings(), plan).instances.map(({ name }) => name)).toEqual([
      'vip',
      ...Array.from({ length: 12 }, (_, slot) => `default-${slot}`),
    ]);
  });

  it('has interface and peers from the plan and the manner of VRRP from the settings', () => {
    const plan = planOf('p', 1, { peers: ['192.0.2.12'] });
    const [pool] = plan.pools;
    const { instances } = desiredOf(defaultSettings(), {
      ...plan,
      pools: pool === undefined ? [] : [{ ...pool, interface: 'eth0' }],
    });
    expect(instances[1]?.vrrp).toMatchObject({
      addressInterface: 'eth0',
      unicastPeers: ['192.0.2.12'],
      version: 3,
      advertIntervalSeconds: 0.1,
      virtualRouterId: 20,
    });
  });
});

describe('instances', () => {
  it('each find interface and prefix on the node', () => {
    const { instances, problems } = resolve(planOf('p'));
    expect(problems).toEqual([]);
    expect(instances[2]?.instance).toMatchObject({
      name: 'default-1',
      interface: 'eth0',
      addresses: [{ address: '192.0.2.102', prefixLength: 32 }],
    });
  });

  it('that want what another has are left out, since keepalived would refuse them all', () => {
    const resolved = resolve(planOf('p', 1, { addresses: ['192.0.2.100'] }));
    expect(names(resolved)).toEqual(['vip']);
    expect(resolved.problems[0]?.message).toBe(
      'VirtualIPPool default, spec.addresses: 192.0.2.100 is already used by vip',
    );
    const id = resolve(planOf('p', 1, { virtualRouterId: 10 }));
    expect(names(id)).toEqual(['vip']);
    expect(id.problems[0]?.message).toContain('router id 10 on eth0 is already used by vip');
  });

  it('with IPv6 are left out where VRRP is of version 2', () => {
    const settings = defaultSettings();
    settings.vrrp.version = 2;
    const desired = desiredOf(settings, planOf('p', 1, { addresses: ['2001:db8::1/64'] }));
    const { problems } = resolveAll(desired.instances, new NodeSubnets(network, new Set()), {
      nodeAddress: '',
      before: new Map(),
      placements: new Map(),
    });
    expect(problems[0]?.message).toContain('needs version 3 of VRRP');
  });

  it('go on as they were while the node’s subnet is not there, and that is told', () => {
    const { instances, placements } = resolve(planOf('p'));
    const without = resolve(planOf('p'), bare, instances, placements);
    expect(names(without)).toEqual(['vip', 'default-0', 'default-1']);
    expect(without.problems.map(({ instance }) => instance)).toContain('default-1');
    expect([...without.incomplete]).toEqual(['vip', 'default-0', 'default-1']);
    const edited = planOf('p2', 1, { addresses: ['192.0.2.109'] });
    expect(names(resolve(edited, bare, instances, placements))).toEqual(['vip']);
  });

  it('fall out when their interface is not there any more, so that the others can change, and are found there again', () => {
    const { instances, placements } = resolve(planOf('p'));
    const without = resolve(planOf('p'), empty, instances, placements);
    expect(names(without)).toEqual([]);
    expect(without.problems).toHaveLength(3);
    const bareAgain = resolve(planOf('p'), bare, [], without.placements);
    expect(bareAgain.instances[0]?.instance.interface).toBe('eth0');
  });

  it('with an address of the node’s own are objected to, and nothing that has it goes on', () => {
    const { instances, placements } = resolve(planOf('p', 1, { addresses: ['192.0.2.101'] }));
    const own = { ...network, interfaces: [{ ...eth0, addresses: [address, { ...address, address: '192.0.2.101' }] }] };
    const desired = desiredOf(defaultSettings(), planOf('p', 1, { addresses: ['192.0.2.101'] }));
    const before = new Map(instances.map((one) => [one.instance.name, one]));
    const options = { nodeAddress: '192.0.2.11', before, placements };
    const found = resolveAll(desired.instances, new NodeSubnets(own, new Set(['192.0.2.100'])), options);
    expect(names(found)).toEqual(['vip', 'default-0_objection']);
    expect(found.problems).toEqual([
      {
        instance: 'default-0',
        message: expect.stringContaining("192.0.2.101 is an address of this node's own, on eth0"),
        shown: { as: 'pool', pool: 'default' },
      },
    ]);
  });

  it('of the settings with an address of the node’s own are objected to, so that no other node takes it', () => {
    const settings = defaultSettings();
    settings.vrrp.addresses = ['192.0.2.100', '192.0.2.11'];
    const desired = desiredOf(settings, planOf('p', 1));
    const ran = resolve(planOf('p', 1));
    const before = new Map(ran.instances.map((one) => [one.instance.name, one]));
    const options = { nodeAddress: '192.0.2.11', before, placements: ran.placements };
    const { instances, problems } = resolveAll(
      desired.instances,
      new NodeSubnets(network, new Set(['192.0.2.100'])),
      options,
    );
    expect(instances.map(({ instance }) => instance)).toMatchObject([
      { name: 'vip_objection', virtualRouterId: 10, interface: 'eth0', objects: 4, addresses: [] },
      { name: 'default-0' },
    ]);
    expect(problems).toMatchObject([{ instance: 'vip' }]);
  });

  it('of the settings with an address of another node go on as they were', () => {
    const ran = resolve(null);
    const settings = defaultSettings();
    settings.vrrp.addresses = ['192.0.2.12/24'];
    const { instances } = resolveAll(
      desiredOf(settings).instances,
      new NodeSubnets(network, new Set(['192.0.2.100'])),
      {
        nodeAddress: '192.0.2.11',
        before: new Map(ran.instances.map((one) => [one.instance.name, one])),
        placements: ran.placements,
        nodesByAddress: new Map([['192.0.2.12', 'node2']]),
      },
    );
    expect(instances).toMatchObject([{ instance: { name: 'vip', addresses: [{ address: '192.0.2.100' }] } }]);
  });

  it('of the node’s own keep their last good form each for itself, also when there are several', () => {
    const second = anotherOwn('vip2', { virtualRouterId: 11, addresses: ['192.0.2.110/24'] });
    const third = anotherOwn('vip3', { virtualRouterId: 12, addresses: ['192.0.2.120/24'] });
    const options = { nodeAddress: '192.0.2.11', before: new Map(), placements: new Map() };
    const ran = resolveAll([second, third], new NodeSubnets(network, new Set()), options);
    expect(ran.problems).toEqual([]);
    const edited = { ...second, vrrp: { ...second.vrrp, interface: 'eth9' } };
    const again = resolveAll([edited, third], new NodeSubnets(network, new Set()), {
      ...options,
      before: new Map(ran.instances.map((one) => [one.instance.name, one])),
      placements: ran.placements,
    });
    expect(again.instances.map(({ instance }) => instance)).toEqual(ran.instances.map(({ instance }) => instance));
    expect(again.problems).toMatchObject([{ instance: 'vip2', shown: { as: 'node' } }]);
  });

  it('of a pool go on as they were although the node’s place in their order changed meanwhile', () => {
    const plan = planOf('p', 1);
    const { instances, placements } = resolve(plan);
    const otherRank = { ...plan, instances: plan.instances.map((one) => ({ ...one, rank: 2, leaving: true })) };
    const now = resolveAll(desiredOf(defaultSettings(), otherRank).instances, new NodeSubnets(bare, new Set()), {
      nodeAddress: '192.0.2.11',
      before: new Map(instances.map((one) => [one.instance.name, one])),
      placements: new Map([...placements].filter(([name]) => name === 'vip')),
    });
    expect(now.instances.map(({ instance }) => instance.name)).toEqual(['vip', 'default-0']);
  });
});
