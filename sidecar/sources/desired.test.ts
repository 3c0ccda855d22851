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
      const desired = desiredByPlan({ plan, fresh: true }, accepted());
      expect(desired).toEqual({ instances: [], checks: new Map(), pools: [], problems: [], plan: null });
    }
  });

  it('asks for instances of pools, with the plan’s ranks and its word on which of them leave', () => {
    const plan = planOf('p');
    const leaving = { ...plan, instances: plan.instances.map((one, slot) => ({ ...one, leaving: slot === 1 })) };
    const { instances } = desiredByPlan({ plan: leaving, fresh: false }, accepted());
    const shown = { as: 'pool', pool: 'default' };
    expect(instances).toMatchObject([
      { name: 'default-0', rank: 0, leaving: false, keepsLastGood: false, label: 'default-0', shown },
      { name: 'default-1', rank: 1, leaving: true, failbackGroup: 'default', shown },
    ]);
  });

  it('has a pool’s own delay of failback, and of the settings everything else', () => {
    const settings = accepted(({ vrrp, lastResort }) => {
      vrrp.noPreempt = true;
      vrrp.failbackDelaySeconds = 7;
      lastResort.afterSeconds = 9;
    });
    const plan = withPool(planOf('p', 1), { failbackDelaySeconds: 30 });
    const lastResort = { enabled: true, afterSeconds: 9 };
    expect(desiredByPlan({ plan, fresh: false }, settings).instances[0]?.policy).toMatchObject({
      ...{ noPreempt: false, failbackDelaySeconds: 30, lastResort },
    });
    expect(desiredBySettings(settings, 0).instances[0]?.policy).toMatchObject({
      ...{ noPreempt: true, failbackDelaySeconds: 7, lastResort },
    });
  });

  it('lets a node that takes part for the first time wait for no failback, and others since their process began', () => {
    const plan = withPool(planOf('p', 1), { failbackDelaySeconds: 30 });
    const upSince = (fresh: boolean) => desiredByPlan({ plan, fresh }, accepted()).instances[0]?.upSinceMs;
    expect([upSince(true), upSince(false)]).toEqual([-30_000, 0]);
    expect(desiredByPlan({ plan: planOf('p', 1), fresh: true }, accepted()).instances[0]?.upSinceMs).toBeCloseTo(0);
  });

  it('has pools rest on the node’s service check, or on their own where that asks for something else', () => {
    const healthCheck = { httpGet: { port: 8080, path: '/ready' } };
    const own = desiredByPlan({ plan: withPool(planOf('p', 1), { healthCheck }), fresh: false }, accepted());
    const [key = ''] = own.checks.keys();
    expect(own.pools).toEqual([{ name: 'default', check: key }]);
    expect(own.instances[0]?.checks).toEqual([{ ...service, key }, kubelet, kubeApi]);
    expect(own.checks.get(key)).toMatchObject({ kind: 'service', settings: { url: 'http://127.0.0.1:8080/ready' } });
    const shared = desiredByPlan({ plan: planOf('p', 1), fresh: false }, accepted());
    expect(shared.pools).toEqual([{ name: 'default', check: 'service' }]);
    expect(shared.instances[0]?.checks).toEqual([service, kubelet, kubeApi]);
    expect(shared.checks.size).toBe(0);
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
