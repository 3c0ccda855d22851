import { describe, expect, it } from 'vitest';
import type { HealthCheck, NodePlanSpec } from '../../../api/node-plan.ts';
import { planOf } from '../../testing/plan.ts';
import { defaultSettings } from '../../testing/settings.ts';
import { poolServices, serviceSettingsOf, virtualTargetProblem } from './health-check.ts';
import { readCachedPlan, readPlan } from './plan.ts';

function withPool(change: object): unknown {
  const plan = planOf('p');
  return { ...plan, pools: plan.pools.map((pool) => ({ ...pool, ...change })) };
}

/** A second pool, of one instance, that has nothing in common with the first. */
function withAnother(plan: unknown): unknown {
  const { pools, instances, ...rest } = plan as NodePlanSpec;
  return {
    ...rest,
    pools: [...pools, { name: 'other', interface: '', failbackDelaySeconds: null }],
    instances: [
      ...instances,
      { name: 'other-0', pool: 'other', virtualRouterId: 200, rank: 0, addresses: ['198.51.100.1'] },
    ],
  };
}

/** Names of what is carried out. */
function carriedOut(spec: unknown, before?: NodePlanSpec): string[] {
  const read = readPlan(spec, before);
  return read.ok ? [...read.plan.pools, ...read.plan.instances].map(({ name }) => name) : [];
}

describe('a plan', () => {
  it('is taken as the API serves it', () => {
    const plan = planOf('p');
    expect(readPlan(JSON.parse(JSON.stringify(plan)))).toEqual({ ok: true, plan, problems: [] });
  });

  it('has instances without addresses besides; what of them is wrong is left out', () => {
    const like = '192.0.2.1';
    const spare = { name: 'default-7', pool: 'default', virtualRouterId: 30, rank: 0, like };
    const plan = { ...planOf('p'), spares: [spare] };
    expect(readPlan(plan)).toEqual({ ok: true, plan, problems: [] });
    const wrong = [
      { ...spare, name: 'default-0' },
      { ...spare, virtualRouterId: 20 },
      { ...spare, name: 'other-0', pool: 'other' },
      { ...spare, like: 'eth0' },
    ];
    const read = readPlan({ ...plan, spares: [...wrong, spare] });
    expect(read).toMatchObject({ ok: true, plan });
    expect(read.ok && read.problems).toEqual([
      'the plan has the instance default-0 twice; default-0 has it',
      'the plan has the router id 20 twice; default-0 has it',
      'instance other-0 is of the pool other, which the plan does not have',
      expect.stringContaining('spare default-7: like: '),
    ]);
  });

  it('has instances in multicast groups besides; no router id is in two of them, and what is wrong goes on as it was', () => {
    const own = { name: 'default-7', pool: 'default', virtualRouterId: 30, rank: 0 };
    const apart = [{ ...own, multicastGroup: 200, addresses: ['192.0.2.1'] }];
    const plan = { ...planOf('p'), apart };
    expect(readPlan(plan)).toEqual({ ok: true, plan, problems: [] });
    const [first] = apart;
    const read = readPlan(
      {
        ...plan,
        apart: [
          { ...first, multicastGroup: 18 },
          { ...first, name: 'default-8', virtualRouterId: 20 },
        ],
      },
      plan,
    );
    expect(read).toMatchObject({ ok: true, plan });
    expect(read.ok && read.problems).toEqual([
      expect.stringContaining('instance default-7: multicastGroup: '),
      'the plan has the router id 20 twice; default-0 has it',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['no instances', { plan: 'p', pools: [] }, 'spec.instances: Invalid input'],
    ['no list of pools', { plan: 'p', pools: 'all', instances: [] }, 'spec.pools: Invalid input'],
    ['no name', { pools: [], instances: [] }, 'spec.plan: Invalid input'],
    ['nothing', null, 'Invalid input'],
    [
      'more instances than there are router ids',
      { plan: 'p', pools: [], instances: Array.from({ length: 256 }, () => ({})) },
      'spec.instances: Too big',
    ],
  ])('with %s is refused whole', (_, spec, reason) => {
    expect(readPlan(spec)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  it.each<[string, unknown, string]>([
    ['a router id out of range', planOf('p', 1, { virtualRouterId: 256 }), 'instance default-0: virtualRouterId: '],
    [
      'a name that leads elsewhere',
      planOf('p', 1, { name: 'default-../../x' }),
      'instance default-../../x: name: is not called <pool>-<slot>',
    ],
    [
      'a name of another pool',
      planOf('p', 1, { name: 'another-0' }),
      'instance another-0: the name of an instance is <pool>-<slot>, of its own pool',
    ],
    ['an unknown pool', planOf('p', 1, { pool: 'x', name: 'x-0' }), 'of the pool x, which the plan does not have'],
    [
      'words instead of an address',
      planOf('p', 1, { addresses: ['192.0.2.1 dev lo'] }),
      'instance default-0: addresses[0]: "192.0.2.1 dev lo" is not an IPv4 or IPv6 address',
    ],
    [
      'a prefix that is too long',
      planOf('p', 1, { addresses: ['192.0.2.1/33'] }),
      'instance default-0: addresses[0]: "192.0.2.1/33" is not an IPv4 or IPv6 address',
    ],
    [
      'a peer that is no address',
      planOf('p', 1, { peers: ['node2'] }),
      'instance default-0: peers[0]: "node2" is not an IPv4 or IPv6 address',
    ],
    [
      'an address twice in an instance',
      planOf('p', 1, { addresses: ['2001:db8::1', '2001:DB8:0::1/64'] }),
      'instance default-0 has an address twice',
    ],
    ...[
      '127.0.0.1',
      '127.0.0.53/8',
      '::1',
      '0.0.0.0',
      '::',
      '224.0.0.18',
      'ff02::12',
      '169.254.169.254',
      'fe80::1',
      '255.255.255.255',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '0:0:0:0:0:ffff:7f00:1',
    ].map((text): [string, unknown, string] => [
      `the address ${text}`,
      planOf('p', 1, { addresses: [text] }),
      `instance default-0: addresses[0]: "${text}" is a`,
    ]),
    [
      'a broadcast address',
      planOf('p', 1, { addresses: ['192.0.2.255/24'] }),
      "is the network, broadcast or routers' address of the subnet",
    ],
  ])('with %s in one pool is carried out but for that, and says so', (_, spec, reason) => {
    const read = readPlan(withAnother(spec));
    expect(read).toMatchObject({
      ok: true,
      problems: [expect.stringContaining(reason.replace('"::ffff:127.0.0.1" is a', '"::ffff:127.0.0.1" is an'))],
    });
    expect(carriedOut(withAnother(spec))).toEqual(['default', 'other', 'other-0']);
  });

  it.each<[string, unknown, string]>([
    ['the address', planOf('p', 2, { addresses: ['192.0.2.1'] }), 'the plan has the address 192.0.2.1 twice'],
    ['the router id', planOf('p', 2, { virtualRouterId: 9 }), 'the plan has the router id 9 twice'],
    ['the name', planOf('p', 2, { name: 'default-7' }), 'the plan has the instance default-7 twice'],
  ])('with %s of an instance twice carries the first of the two out', (_, spec, reason) => {
    expect(readPlan(withAnother(spec))).toMatchObject({ ok: true, problems: [expect.stringContaining(reason)] });
    expect(carriedOut(withAnother(spec))).toHaveLength(4);
  });

  it('with a pool twice carries the first of the two out', () => {
    const { pools, ...rest } = planOf('p', 1);
    const twice = { ...rest, pools: [...pools, ...pools.map((pool) => ({ ...pool, interface: 'eth9' }))] };
    expect(readPlan(twice)).toEqual({
      ok: true,
      plan: planOf('p', 1),
      problems: ['the plan has the pool default twice; the first is carried out'],
    });
  });

  it.each<[string, object, string]>([
    ['an interface of several words', { interface: 'eth0 }' }, 'interface: "eth0 }" is no interface'],
    ['what "ip link" prints', { interface: 'vlan10@eth0' }, 'interface: "vlan10@eth0" is no interface'],
    ['an alias', { interface: 'eth0:1' }, 'interface: "eth0:1" is no interface'],
    ['the loopback interface', { interface: 'lo' }, 'interface: "lo" is no interface'],
    ['its MAC address', { interface: '00:00:00:00:00:00' }, 'interface: "00:00:00:00:00:00" is no interface'],
    ['an ambiguous check', { healthCheck: {} }, 'healthCheck: give exactly one of httpGet and tcpSocket'],
    [
      'a host with a port',
      { healthCheck: { tcpSocket: { host: '10.0.0.1:80', port: 1 } } },
      'healthCheck.tcpSocket.host: "10.0.0.1:80" is no host',
    ],
    [
      'a host of two words',
      { healthCheck: { httpGet: { host: 'a b', port: 1 } } },
      'healthCheck.httpGet.host: "a b" is no host',
    ],
    [
      'the host of a cloud’s metadata',
      { healthCheck: { httpGet: { host: '169.254.169.254', port: 80 } } },
      'healthCheck.httpGet.host: "169.254.169.254" is a link-local',
    ],
    [
      'a header of two lines',
      { healthCheck: { httpGet: { port: 80, httpHeaders: [{ name: 'Host', value: 'a\r\nCookie: b' }] } } },
      'healthCheck.httpGet.httpHeaders[0].value: "a\\r\\nCookie: b" is no value of a Host header',
    ],
    [
      'no time between checks',
      { healthCheck: { tcpSocket: { port: 1 }, periodSeconds: 0 } },
      'healthCheck.periodSeconds: ',
    ],
    ...[0, 65_536, 1.5].map((port): [string, object, string] => [
      `the port ${port} for local endpoints`,
      { localEndpoints: { port } },
      'localEndpoints.port: ',
    ]),
    ['a name that is none', { name: 'De fault' }, 'pool De fault: name: is not the name of a pool'],
  ])('with %s in one pool is carried out without that pool', (_, change, reason) => {
    const read = readPlan(withAnother(withPool(change)));
    expect(read).toMatchObject({ ok: true });
    expect(read.ok && read.problems[0]).toContain(reason);
    expect(carriedOut(withAnother(withPool(change)))).toEqual(['other', 'other-0']);
  });

  it('with a pool that is wrong lets it go on as it was, with the instances that it has now', () => {
    const before = planOf('p', 2);
    const read = readPlan({ ...(withPool({ interface: 'eth0@if5' }) as object), plan: 'q' }, before);
    expect(read).toEqual({
      ok: true,
      plan: { ...before, plan: 'q' },
      problems: [
        expect.stringMatching(/^pool default: interface: "eth0@if5" is no interface .*; it goes on as it was$/),
      ],
    });
  });

  it('with an instance that is wrong lets it go on as it was, unless another has now what it had', () => {
    const before = planOf('p', 2);
    const wrong = (change: object) => ({
      ...before,
      plan: 'q',
      instances: before.instances.map((one, slot) =>
        slot === 0 ? { ...one, addresses: ['x'] } : { ...one, ...change },
      ),
    });
    expect(carriedOut(wrong({}), before).toSorted()).toEqual(['default', 'default-0', 'default-1']);
    expect(carriedOut(wrong({ addresses: before.instances[0]?.addresses }), before)).toEqual(['default', 'default-1']);
    expect(carriedOut(wrong({ virtualRouterId: before.instances[0]?.virtualRouterId }), before)).toEqual([
      'default',
      'default-1',
    ]);
  });

  it('that leaves an instance out does not keep it, whatever was before', () => {
    const before = planOf('p', 2);
    expect(carriedOut({ ...before, instances: before.instances.slice(1) }, before)).toEqual(['default', 'default-1']);
  });

  it('is read from the cache, where a damaged one is none that is known', () => {
    expect(readCachedPlan(planOf('p'))).toEqual(planOf('p'));
    expect(readCachedPlan(null)).toBeNull();
    expect(readCachedPlan({ plan: 'p' })).toBeUndefined();
    expect(readCachedPlan(undefined)).toBeUndefined();
  });

  it('has what goes to lo; an entry that is wrong goes on as it was, or is left out, and no address goes two ways', () => {
    const plan = planOf('p');
    const entry = (name: string, address: string) => ({ name, pool: 'default', addresses: [address] });
    const before = { ...plan, loopback: [entry('default', '203.0.113.1'), entry('svc-0123456789', '203.0.113.2')] };
    expect(readPlan(before)).toEqual({ ok: true, plan: before, problems: [] });
    const [taken = ''] = plan.instances[0]?.addresses ?? [];
    const loopback = [
      { ...entry('svc-0123456789', '127.0.0.1') },
      entry('default', taken),
      entry('svc-1', '203.0.113.3'),
      { ...entry('svc-2', '203.0.113.4'), pool: 'other' },
      entry('svc-1', '203.0.113.5'),
    ];
    const read = readPlan({ ...plan, loopback }, before);
    expect(read).toMatchObject({
      plan: { loopback: [entry('svc-1', '203.0.113.3'), entry('svc-0123456789', '203.0.113.2')] },
      problems: [
        expect.stringMatching(/^loopback svc-0123456789: /),
        expect.stringContaining(`the plan has the address ${taken} twice`),
        'loopback svc-2 is of the pool other, which the plan does not have',
        'the plan has the loopback svc-1 twice; svc-1 has it',
      ],
    });
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

  it.each(['http://192.0.2.102/healthz', 'tcp://192.0.2.102:80', 'http://[::ffff:192.0.2.102]/'])(
    'of the node, %s, that asks at an address of a pool tells nothing of it, and that is said',
    (url) => {
      expect(virtualTargetProblem(url, planOf('p'))).toMatch(
        /^checks\.service\.url \(keepalived\.checkServiceUrl\): 192\.0\.2\.102 of pool default is a virtual address, .*127\.0\.0\.1/,
      );
      expect(virtualTargetProblem(url, null)).toBeUndefined();
      expect(virtualTargetProblem('http://localhost/', planOf('p'))).toBeUndefined();
      expect(virtualTargetProblem('http://192.0.2.99/', planOf('p'))).toBeUndefined();
    },
  );

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
