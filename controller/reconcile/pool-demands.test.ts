import { describe, expect, it } from 'vitest';
import type { VirtualIpPool, VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { makePlan } from '../plan/planner.ts';
import { input, nodes } from '../plan/testing/scenes.ts';
import { poolOf } from '../testing/objects.ts';
import { poolDemand, poolDemands } from './pool-demands.ts';

const ADDRESSES = ['192.0.2.100/24', '2001:db8::100'];

function demandOf(spec: Omit<VirtualIpPoolSpec, 'addresses'>) {
  return poolDemand(poolOf('web', ADDRESSES, { spec: { addresses: ADDRESSES, ...spec } }));
}

describe('what a pool asks for', () => {
  it('is its addresses, placed anywhere, by multicast, where nothing else is said', () => {
    expect(demandOf({})).toEqual({
      name: 'web',
      createdMs: Date.parse('2026-01-01T00:00:00Z'),
      addresses: ADDRESSES,
      problem: undefined,
      checkedHosts: [],
      placement: { nodeSelector: {}, tolerations: [], topologyKey: undefined },
      unicast: false,
      virtualRouterIds: undefined,
      settings: { interface: '', failbackDelaySeconds: 30 },
      previousGroups: [],
    });
  });

  it('is an address once that it lists and a Service has', () => {
    const { addresses, ofServices } = poolDemand(poolOf('web', ADDRESSES), ['192.0.2.100', '192.0.2.101']);
    expect(addresses).toEqual([...ADDRESSES, '192.0.2.101']);
    expect(ofServices).toEqual(new Set(['192.0.2.100', '192.0.2.101']));
  });

  it('is everything that the pool says', () => {
    const nodeSelector = { matchLabels: { role: 'edge' } };
    const tolerations = [{ key: 'edge', operator: 'Exists' as const }];
    const healthCheck = { tcpSocket: { port: 443, host: '192.0.2.7' } };
    const virtualRouterIds = { first: 20, last: 30 };
    const demand = demandOf({
      nodeSelector,
      tolerations,
      spread: { topologyKey: 'zone' },
      interface: 'eth1',
      healthCheck,
      failback: { delaySeconds: 0 },
      vrrp: { peering: 'Unicast', virtualRouterIds },
    });
    expect(demand).toMatchObject({
      placement: { nodeSelector, tolerations, topologyKey: 'zone' },
      settings: { interface: 'eth1', failbackDelaySeconds: 0, healthCheck },
      checkedHosts: ['192.0.2.7'],
      unicast: true,
      virtualRouterIds,
    });
  });

  it.each([
    [{ enabled: false, delaySeconds: 5 }, null],
    [{ enabled: true }, 30],
    [{ delaySeconds: 7 }, 7],
  ])('with failback %j is a delay of %s', (failback, delay) => {
    expect(demandOf({ failback }).settings.failbackDelaySeconds).toBe(delay);
  });

  it('names what cannot be carried out', () => {
    expect(demandOf({ interface: 'vlan10@eth0' }).problem).toContain('spec.interface: "vlan10@eth0" is no interface');
  });

  it('remembers the last plan', () => {
    const groups = [{ slot: 0, virtualRouterId: 7, addresses: ['192.0.2.100'], nodes: ['a'] }];
    expect(poolDemand(poolOf('web', ADDRESSES, { status: { groups } })).previousGroups).toEqual(groups);
  });

  it('is younger than everything while it has no time of creation', () => {
    const { creationTimestamp: _, ...metadata } = poolOf('web', ADDRESSES).metadata;
    expect(poolDemand(poolOf('web', ADDRESSES, { metadata })).createdMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('goes on to ask kube-proxy when it serves nobody any more, as long as Services have addresses of it', () => {
    const spec = { ranges: [{ cidr: '192.0.2.128/28' }] };
    const served = poolOf('web', [], { spec: { ...spec, services: {} } });
    const kept = poolOf('web', [], { spec });
    const finalizers = ['keepalived-ingress-vip.io/service-addresses'];
    const { settings } = poolDemand({ ...kept, metadata: { ...kept.metadata, finalizers } });
    expect(settings).toEqual(poolDemand(served).settings);
    expect(poolDemand(kept).settings).not.toHaveProperty('healthCheck');
  });

  it('has what Services have of it besides, also while it is being deleted, and asks kube-proxy where it says nothing', () => {
    const spec = { addresses: ['10.0.0.1'], ranges: [{ cidr: '10.0.1.0/24' }], services: {} };
    const a = poolOf('a', [], { spec });
    const claimed = ({ metadata }: VirtualIpPool) => (metadata.name === 'a' ? ['10.0.1.7/24'] : []);
    const settings = { healthCheck: { httpGet: { port: 10_256, path: '/healthz' } } };
    expect(poolDemands([a], claimed)).toMatchObject([{ addresses: ['10.0.0.1', '10.0.1.7/24'], settings }]);
    const going = { ...a, metadata: { ...a.metadata, deletionTimestamp: '2026-03-01T00:00:00Z' } };
    expect(poolDemands([going], claimed)).toMatchObject([{ addresses: ['10.0.1.7/24'], settings }]);
    expect(poolDemands([going], () => [])).toEqual([]);
  });

  it('has a group ready for the next Service, where Services get addresses and the pool gives any', () => {
    const ranges = [{ cidr: '10.0.1.0/24' }, { first: '10.0.2.1', last: '10.0.2.9' }];
    const ready = (spec: VirtualIpPoolSpec, serving = true) =>
      poolDemands([poolOf('web', [], { spec: { services: {}, ...spec } })], () => ['10.0.1.7'], serving)[0]?.spare;
    const spare = ready({ ranges });
    expect(spare?.like).toBe('10.0.1.1');
    expect(['10.0.1.7', '10.0.2.1', '10.0.3.1', 'fd00::1'].map((address) => spare?.fits(address))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(ready({ ranges: [{ cidr: 'fd00::/120' }] })?.like).toBe('fd00::1');
    expect(ready({ ranges }, false)).toBeUndefined();
    expect(ready({ ranges, services: { disabled: true } })).toBeUndefined();
    expect(ready({ ranges, distribution: { mode: 'All' } })).toBeUndefined();
    expect(poolDemands([poolOf('web', [], { spec: { ranges } })], () => ['10.0.1.7'], true)[0]).not.toHaveProperty(
      'spare',
    );
    expect(ready({ ranges: [{ cidr: '10.0.1.7/32' }], exclude: ['10.0.1.7'] })).toBeUndefined();
    const going = poolOf('web', [], { spec: { ranges, services: {} } });
    const metadata = { ...going.metadata, deletionTimestamp: '2026-03-01T00:00:00Z' };
    expect(poolDemands([{ ...going, metadata }], () => ['10.0.1.7'], true)).toMatchObject([{ name: 'web' }]);
    expect(poolDemands([{ ...going, metadata }], () => ['10.0.1.7'], true)[0]).not.toHaveProperty('spare');
  });

  it('is nothing any more while it is being deleted', () => {
    const a = poolOf('a', ['10.0.0.1']);
    const going = { ...a, metadata: { ...a.metadata, deletionTimestamp: '2026-03-01T00:00:00Z' } };
    const demands = poolDemands([going, poolOf('b', ['10.0.0.1'])]);
    const plan = makePlan(input({ nodes: nodes(2), demands }));
    expect([...plan.demands.keys()]).toEqual(['b']);
    expect(plan.demands.get('b')?.refused).toEqual([]);
  });
});
