import { describe, expect, it } from 'vitest';
import type { HealthCheck, NodePlanSpec } from '../../api/node-plan.ts';
import { planOf } from '../testing/plan.ts';
import { defaultSettings } from '../testing/settings.ts';
import { poolServices, serviceSettingsOf } from './health-check.ts';
import { readCachedPlan, readPlan } from './plan.ts';

function withPool(change: object): unknown {
  const plan = planOf('p');
  return { ...plan, pools: plan.pools.map((pool) => ({ ...pool, ...change })) };
}

describe('a plan', () => {
  it('is taken as the API serves it', () => {
    const plan = planOf('p');
    expect(readPlan(JSON.parse(JSON.stringify(plan)))).toEqual({ ok: true, plan });
  });

  it.each<[string, unknown, string]>([
    ['no instances', { plan: 'p', pools: [] }, 'spec.instances: Invalid input'],
    ['a router id out of range', planOf('p', 1, { virtualRouterId: 256 }), 'spec.instances.0.virtualRouterId: '],
    ['a name that leads elsewhere', planOf('p', 1, { name: 'default-../../x' }), 'is not called <pool>-<slot>'],
    ['a name of another pool', planOf('p', 1, { name: 'other-0' }), 'instance "other-0" is not called <pool>-<slot>'],
    ['an unknown pool', planOf('p', 1, { pool: 'x', name: 'x-0' }), 'of the pool x, which the plan does not have'],
    [
      'words instead of an address',
      planOf('p', 1, { addresses: ['192.0.2.1 dev lo'] }),
      'instance default-0: "192.0.2.1 dev lo"',
    ],
    [
      'a prefix that is too long',
      planOf('p', 1, { addresses: ['192.0.2.1/33'] }),
      'instance default-0: "192.0.2.1/33"',
    ],
    [
      'a peer that is no address',
      planOf('p', 1, { peers: ['node2'] }),
      'the peer "node2" is not an IPv4 or IPv6 address',
    ],
    ['an address twice', planOf('p', 2, { addresses: ['192.0.2.1'] }), 'the plan has the address 192.0.2.1 twice'],
    ['a router id twice', planOf('p', 2, { virtualRouterId: 9 }), 'the plan has the router id 9 twice'],
    ['an interface of several words', withPool({ interface: 'eth0 }' }), 'is neither an interface’s name'],
    ['an ambiguous check', withPool({ healthCheck: {} }), 'does not have exactly one of httpGet and tcpSocket'],
    ['a host of no URL', withPool({ healthCheck: { tcpSocket: { host: 'a b', port: 1 } } }), 'is not a URL'],
  ])('with %s is refused whole', (_, spec, reason) => {
    expect(readPlan(spec)).toEqual({ ok: false, reason: expect.stringContaining(reason.replace('’', "'")) });
  });

  it('is read from the cache, where a damaged one is none that is known', () => {
    expect(readCachedPlan(planOf('p'))).toEqual(planOf('p'));
    expect(readCachedPlan(null)).toBeNull();
    expect(readCachedPlan({ plan: 'p' })).toBeUndefined();
    expect(readCachedPlan(undefined)).toBeUndefined();
  });
});

describe('a health check', () => {
  it('is a service check with the kubelet’s defaults', () => {
    const check: HealthCheck = { httpGet: { port: 8080 } };
    expect(serviceSettingsOf(check, true)).toEqual({
      url: 'http://127.0.0.1:8080/',
      intervalSeconds: 2,
      timeoutSeconds: 1,
      failureThreshold: 2,
      successThreshold: 1,
      expectedStatuses: [200],
      host: '',
      caFile: '',
      tripwire: { enabled: true, ports: [] },
    });
  });

  it('takes scheme, host, path, Host header and timing', () => {
    const check: HealthCheck = {
      httpGet: {
        scheme: 'HTTPS',
        host: 'fd00::1',
        port: 8443,
        path: '/healthz?deep=1',
        httpHeaders: [{ name: 'Host', value: 'example.org' }],
      },
      periodSeconds: 0.5,
      failureThreshold: 3,
    };
    expect(serviceSettingsOf(check, false)).toMatchObject({
      url: 'https://[fd00::1]:8443/healthz?deep=1',
      host: 'example.org',
      intervalSeconds: 0.5,
      failureThreshold: 3,
      tripwire: { enabled: false },
    });
    expect(serviceSettingsOf({ tcpSocket: { port: 80 } }, false).url).toBe('tcp://127.0.0.1:80');
  });

  it('that a pool does not have, or has as the node has it, is the node’s', () => {
    const { service } = defaultSettings().checks;
    const same: HealthCheck = { httpGet: { port: 10254, path: '/healthz' } };
    const pools: NodePlanSpec['pools'] = [
      { name: 'none', interface: '', failbackDelaySeconds: null },
      { name: 'same', interface: '', failbackDelaySeconds: null, healthCheck: same },
      { name: 'own', interface: '', failbackDelaySeconds: null, healthCheck: { tcpSocket: { port: 443 } } },
    ];
    expect([...poolServices(pools, service).keys()]).toEqual(['own']);
  });
});
