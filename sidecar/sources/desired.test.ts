import { describe, expect, it } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { readNodeChecks } from '../checks/node-checks.ts';
import type { Settings } from '../config/settings.ts';
import { virtualAddresses } from '../desired/desired.ts';
import { mergeDesired } from '../desired/merge.ts';
import { desiredOf } from '../testing/desired.ts';
import { planOf } from '../testing/plan.ts';
import { defaultSettings } from '../testing/settings.ts';
import { desiredByPlan } from './plan/desired.ts';
import { desiredBySettings } from './settings.ts';

function accepted(change: (settings: Settings) => void = () => undefined) {
  const settings = defaultSettings();
  change(settings);
  return { settings, checks: readNodeChecks(settings.checks) };
}

function withPool(plan: NodePlanSpec, change: Partial<NodePlanSpec['pools'][number]>): NodePlanSpec {
  return { ...plan, pools: plan.pools.map((pool) => ({ ...pool, ...change })) };
}

/** The node's address. */
const NODE = '192.0.2.1';

const service = { key: 'service', effect: 'serviceFailed' };
const kubelet = { key: 'kubelet', effect: 'kubeletFailed' };
const kubeApi = { key: 'kubeApi', effect: 'noKubeApi' };

describe('settings', () => {
  it('ask for one instance that is the node’s own, of the rank that the node has, and keeps its last good form', () => {
    const { instances, pools, plan } = desiredBySettings(accepted(), 2);
    expect(instances).toMatchObject([
      {
        name: 'vip',
        rank: 2,
        leaving: false,
        keepsLastGood: true,
        shown: { as: 'node' },
        checks: [service, kubelet, kubeApi],
      },
    ]);
    expect(instances[0]).not.toHaveProperty('label');
    expect(instances[0]).not.toHaveProperty('failbackGroup');
    expect(instances[0]).not.toHaveProperty('upSinceMs');
    expect([pools, plan]).toEqual([[], null]);
  });

  it('ask for no instance without addresses, but for their checks all the same', () => {
    const desired = desiredBySettings(
      accepted(({ vrrp, checks }) => {
        vrrp.addresses = [];
        checks.kubelet.enabled = false;
      }),
      0,
    );
    expect(desired.instances).toEqual([]);
    expect([...desired.checks.keys()]).toEqual(['service', 'kubeApi']);
  });
});

describe('a plan', () => {
  it('asks for nothing while there is none, or it is not known', () => {
    for (const plan of [null, undefined]) {
      const desired = desiredByPlan({ plan, fresh: true }, accepted(), NODE);
      expect(desired).toEqual({ instances: [], loopback: [], checks: new Map(), pools: [], problems: [], plan: null });
    }
  });

  it('asks for instances of pools, with the plan’s ranks and its word on which of them leave', () => {
    const plan = planOf('p');
    const leaving = { ...plan, instances: plan.instances.map((one, slot) => ({ ...one, leaving: slot === 1 })) };
    const { instances } = desiredByPlan({ plan: leaving, fresh: false }, accepted(), NODE);
    const shown = { as: 'pool', pool: 'default' };
    expect(instances).toMatchObject([
      { name: 'default-0', rank: 0, leaving: false, keepsLastGood: false, label: 'default-0', shown },
      { name: 'default-1', rank: 1, leaving: true, failbackGroup: 'default', shown },
    ]);
  });

  it('has addresses on lo of those who are elected, by instances for which it does not matter that the API is lost', () => {
    const name = 'svc-0123456789';
    const seat = { name: `${name}-0`, pool: name, virtualRouterId: 30, rank: 0, like: '203.0.113.9' };
    const localEndpoints = { port: 30_001 };
    const own = { name, ofPool: 'default', interface: '', onLoopback: true, failbackDelaySeconds: 30, localEndpoints };
    const plan = planOf('p', 0);
    const { instances, loopback, pools } = desiredByPlan(
      {
        plan: {
          ...{ ...plan, pools: [...plan.pools, own], spares: [seat] },
          loopback: [{ name, pool: 'default', localEndpoints, elected: true, addresses: ['203.0.113.9'] }],
        },
        fresh: false,
      },
      accepted(),
      NODE,
    );
    const endpoint = { key: expect.any(String), effect: 'noLocalEndpoint' };
    expect(instances).toMatchObject([
      { elects: name, checks: [service, kubelet, endpoint], vrrp: { addressInterface: 'lo' } },
    ]);
    expect(loopback).toMatchObject([{ name, elected: true, checks: [service, kubelet, kubeApi, endpoint] }]);
    expect(pools.map((pool) => pool.name)).toEqual(['default', name]);
  });

  it('asks for instances without addresses as for others, in the order of their slots', () => {
    const plan = planOf('p');
    const spares = [{ name: 'default-1', pool: 'default', virtualRouterId: 30, rank: 2, like: '192.0.2.9' }];
    const { instances } = desiredByPlan(
      {
        plan: { ...plan, instances: [...plan.instances.slice(0, 1), ...planOf('p', 3).instances.slice(2)], spares },
        fresh: false,
      },
      accepted(),
      NODE,
    );
    expect(instances.map(({ name }) => name)).toEqual(['default-0', 'default-1', 'default-2']);
    expect(instances[1]).toMatchObject({
      ...{ rank: 2, leaving: false, checks: [service, kubelet, kubeApi], failbackGroup: 'default' },
      vrrp: { virtualRouterId: 30, addresses: [], like: '192.0.2.9' },
    });
    expect(instances[0]?.vrrp).not.toHaveProperty('like');
    expect(virtualAddresses({ instances, loopback: [] })).toEqual(new Set(['192.0.2.101', '192.0.2.103']));
  });

  it('has a pool’s own delay of failback, and of the settings everything else', () => {
    const settings = accepted(({ vrrp, lastResort }) => {
      vrrp.noPreempt = true;
      vrrp.failbackDelaySeconds = 7;
      lastResort.afterSeconds = 9;
    });
    const plan = withPool(planOf('p', 1), { failbackDelaySeconds: 30 });
    const lastResort = { enabled: true, afterSeconds: 9 };
    expect(desiredByPlan({ plan, fresh: false }, settings, NODE).instances[0]?.policy).toMatchObject({
      ...{ noPreempt: false, failbackDelaySeconds: 30, lastResort },
    });
    expect(desiredBySettings(settings, 0).instances[0]?.policy).toMatchObject({
      ...{ noPreempt: true, failbackDelaySeconds: 7, lastResort },
    });
  });

  it('lets a node that takes part for the first time wait for no failback, and others since their process began', () => {
    const plan = withPool(planOf('p', 1), { failbackDelaySeconds: 30 });
    const upSince = (fresh: boolean) => desiredByPlan({ plan, fresh }, accepted(), NODE).instances[0]?.upSinceMs;
    expect([upSince(true), upSince(false)]).toEqual([-30_000, 0]);
    expect(desiredByPlan({ plan: planOf('p', 1), fresh: true }, accepted(), NODE).instances[0]?.upSinceMs).toBeCloseTo(
      0,
    );
  });

  it('has pools rest on the node’s service check, or on their own where that asks for something else', () => {
    const healthCheck = { httpGet: { port: 8080, path: '/ready' } };
    const own = desiredByPlan({ plan: withPool(planOf('p', 1), { healthCheck }), fresh: false }, accepted(), NODE);
    const [key = ''] = own.checks.keys();
    expect(own.pools).toEqual([{ name: 'default', check: key }]);
    expect(own.instances[0]?.checks).toEqual([{ ...service, key }, kubelet, kubeApi]);
    expect(own.checks.get(key)).toMatchObject({ kind: 'service', settings: { url: 'http://127.0.0.1:8080/ready' } });
    const shared = desiredByPlan({ plan: planOf('p', 1), fresh: false }, accepted(), NODE);
    expect(shared.pools).toEqual([{ name: 'default', check: 'service' }]);
    expect(shared.instances[0]?.checks).toEqual([service, kubelet, kubeApi]);
    expect(shared.checks.size).toBe(0);
  });
});

describe('a pool that counts on endpoints of the node’s own', () => {
  const local = (port: number) => withPool(planOf('p', 1), { localEndpoints: { port } });

  it('rests on the answer of kube-proxy at the node’s address besides, which costs priority only', () => {
    const desired = desiredByPlan({ plan: local(30_123), fresh: false }, accepted(), NODE);
    const key = 'localEndpoints http://192.0.2.1:30123/healthz';
    expect(desired.instances[0]?.checks).toEqual([service, kubelet, kubeApi, { key, effect: 'noLocalEndpoint' }]);
    expect(desired.pools).toEqual([{ name: 'default', check: 'service', localEndpoints: key }]);
    expect(desired.problems).toEqual([]);
    expect([...desired.checks]).toEqual([
      [
        key,
        {
          kind: 'localEndpoints',
          url: 'http://192.0.2.1:30123/healthz',
          timing: { intervalSeconds: 0.2, timeoutSeconds: 1, failureThreshold: 1, successThreshold: 1 },
        },
      ],
    ]);
  });

  it('rests on connections held to endpoints that the plan names, which count at once where others have some', () => {
    const endpoints = [
      { address: '192.0.2.77', port: 80 },
      { address: 'fd00::7', port: 80 },
    ];
    const key = 'localEndpoints http://192.0.2.1:30123/healthz';
    const held = ['endpoint 192.0.2.77:80', 'endpoint [fd00::7]:80'];
    const asked = { key, effect: 'noLocalEndpoint' };
    const desiredWith = (localEndpoints: object) =>
      desiredByPlan(
        {
          plan: withPool(planOf('p', 1), { localEndpoints: { port: 30_123, endpoints, ...localEndpoints } }),
          fresh: false,
        },
        accepted(),
        NODE,
      );
    const alone = desiredWith({});
    expect(alone.pools).toEqual([{ name: 'default', check: 'service', localEndpoints: key, heldEndpoints: held }]);
    expect(alone.instances[0]?.checks.slice(3)).toEqual([asked, { ...asked, heldOf: 'default' }]);
    expect([...alone.checks.keys()]).toEqual([key, ...held]);
    expect(alone.checks.get(held[1] ?? '')).toEqual({ kind: 'heldEndpoint', address: 'fd00::7', port: 80 });
    const others = desiredWith({ elsewhere: true });
    expect(others.instances[0]?.checks.slice(3)).toEqual([
      asked,
      { key, effect: 'localEndpointsGone', heldOf: 'default' },
    ]);
    expect(desiredWith({ endpoints: [] }).pools).toMatchObject([{ heldEndpoints: [] }]);
  });

  it.each([
    [1, 0.2],
    [10, 0.2],
    [11, 0.5],
    [50, 1],
    [51, 2],
    [255, 5],
  ])('is asked the less often the more there are: %i of them every %s s', (count, intervalSeconds) => {
    const pools = Array.from({ length: count }, (_, index) => {
      const name = `svc-${String(index).padStart(10, '0')}`;
      return { name, interface: '', failbackDelaySeconds: null, localEndpoints: { port: 30_000 + index } };
    });
    const { checks } = desiredByPlan({ plan: { plan: 'p', pools, instances: [] }, fresh: false }, accepted(), NODE);
    expect(checks.size).toBe(count);
    expect(
      new Set(Array.from(checks.values(), (check) => ('timing' in check ? check.timing.intervalSeconds : 0))),
    ).toEqual(new Set([intervalSeconds]));
    expect(count / intervalSeconds).toBeLessThanOrEqual(55);
  });

  it('is asked at an IPv6 address in brackets', () => {
    const { checks } = desiredByPlan({ plan: local(30_123), fresh: false }, accepted(), 'fd00::1');
    expect([...checks.values()]).toMatchObject([{ url: 'http://[fd00::1]:30123/healthz' }]);
  });

  it('is asked where the plan says, whatever is known here', () => {
    const plan = withPool(planOf('p', 1), { localEndpoints: { port: 30_123, host: 'fd00::7' } });
    for (const address of [NODE, '']) {
      const { checks, problems } = desiredByPlan({ plan, fresh: false }, accepted(), address);
      expect([...checks.values()]).toMatchObject([{ url: 'http://[fd00::7]:30123/healthz' }]);
      expect(problems).toEqual([]);
    }
  });

  it('says so where the node’s address is not known, and rests on the rest', () => {
    const desired = desiredByPlan({ plan: local(30_123), fresh: false }, accepted(), '');
    expect(desired.problems).toEqual([expect.stringMatching(/^pool default: .*NODE_IP/)]);
    expect(desired.instances[0]?.checks).toEqual([service, kubelet, kubeApi]);
    expect([desired.checks.size, desired.pools]).toEqual([0, [{ name: 'default', check: 'service' }]]);
  });
});

describe('addresses that go to lo', () => {
  const addresses = ['203.0.113.5/24', '2001:DB8::5'];
  const plan: NodePlanSpec = {
    plan: 'p',
    pools: [
      { name: 'web', interface: '', failbackDelaySeconds: null, healthCheck: { httpGet: { port: 10_256 } } },
      { name: 'plain', interface: '', failbackDelaySeconds: null },
    ],
    instances: [],
    loopback: [
      { name: 'plain', pool: 'plain', addresses },
      { name: 'web', pool: 'web', addresses: ['203.0.113.6'] },
      { name: 'svc-0123456789', pool: 'web', addresses: ['203.0.113.7'], localEndpoints: { port: 30_123 } },
    ],
  };

  it('rest on the checks of their pool, and on endpoints of their own', () => {
    const { loopback, checks, pools } = desiredByPlan({ plan, fresh: false }, accepted(), NODE);
    const [own] = [...checks.keys()].filter((key) => key.startsWith('service '));
    const local = `localEndpoints http://${NODE}:30123/healthz`;
    const ofWeb = [{ ...service, key: own }, kubelet, kubeApi];
    expect(loopback.map((each) => [each.name, each.pool, each.addresses, each.checks])).toEqual([
      ['plain', 'plain', ['203.0.113.5', '2001:db8::5'], [service, kubelet, kubeApi]],
      ['web', 'web', ['203.0.113.6'], ofWeb],
      ['svc-0123456789', 'web', ['203.0.113.7'], [...ofWeb, { key: local, effect: 'noLocalEndpoint' }]],
    ]);
    expect(pools).toEqual([
      { name: 'web', check: own },
      { name: 'plain', check: 'service' },
      { name: 'svc-0123456789', check: own, localEndpoints: local },
    ]);
    expect(virtualAddresses({ instances: [], loopback })).toContain('2001:db8::5');
  });
});

describe('several sources', () => {
  it('are one after the other, with the checks of all and the plan of the one that has one', () => {
    const healthCheck = { tcpSocket: { port: 8080 } };
    const [first, second] = [
      desiredOf(defaultSettings()),
      desiredOf(defaultSettings(), withPool(planOf('p'), { healthCheck })),
    ];
    const merged = mergeDesired(first, { ...second, instances: second.instances.slice(1) });
    expect(merged.instances.map(({ name }) => name)).toEqual(['vip', 'default-0', 'default-1']);
    expect(merged.checks).toEqual(second.checks);
    expect([merged.plan, merged.pools.length]).toEqual(['p', 1]);
    expect([...virtualAddresses(merged)]).toEqual(['192.0.2.100', '192.0.2.101', '192.0.2.102']);
  });
});
