import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ControlPlaneIngressStatus } from '../api/control-plane-ingress.ts';
import type { NodePlan, NodePlanSpec } from '../api/node-plan.ts';
import type { ServiceAddressStatus } from '../api/service-address.ts';
import type { VirtualIpPool } from '../api/virtual-ip-pool.ts';
import { systemClock, systemTimers } from '../common/clock.ts';
import { checkSettings, type Settings } from './config/settings.ts';
import { Controller } from './controller.ts';
import { EMPTY_VIEW } from './reconcile/cluster-view.ts';
import { FakeApiServer, type FakeObject } from './testing/fake-api-server.ts';
import { unseenMetrics } from './testing/metrics.ts';
import { settingsDocument } from './testing/settings.ts';

const LIMIT = { timeout: 10_000, interval: 10 };
const ADDRESSES = ['192.0.2.101', '192.0.2.102', '192.0.2.103', '192.0.2.104', '192.0.2.105', '192.0.2.106'];
const NODES = ['a', 'b', 'c'];
const QUIET = pino({ level: 'silent' });

let api: FakeApiServer;
let url: string;
const started: Controller[] = [];

function controller(identity: string, changes: Partial<Settings> = {}): Controller {
  const result = checkSettings(settingsDocument());
  if (!result.ok) throw new Error('the settings of the tests are wrong');
  // Short, so that a test sees some renewals.
  const lease = { ...result.settings.lease, durationSeconds: 2, renewSeconds: 1, retrySeconds: 0.1 };
  const access = new KubeConfig();
  access.loadFromClusterAndUser({ name: 'fake', server: url, skipTLSVerify: true }, { name: 'nobody' });
  const made = new Controller(
    {
      settings: { ...result.settings, lease, ...changes },
      version: 'test',
      identity,
      podUid: `uid-${identity}`,
      namespace: 'kube-vip',
    },
    {
      access,
      clock: systemClock,
      timers: systemTimers,
      random: () => 0.5,
      log: QUIET,
      metrics: unseenMetrics(),
      onView: () => undefined,
    },
  );
  started.push(made);
  made.start();
  return made;
}

function addNode(name: string): void {
  const address = `192.0.2.${11 + NODES.indexOf(name)}`;
  api.put('nodes', {
    metadata: { name, labels: { zone: name } },
    status: {
      addresses: [{ type: 'InternalIP', address }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
  api.put('pods', { metadata: { name: `sidecar-${name}` }, spec: { nodeName: name }, status: { phase: 'Running' } });
}

function pool(name: string): VirtualIpPool | undefined {
  return api.get('virtualippools', name) as VirtualIpPool | undefined;
}

function poolObject(): FakeObject {
  const found = api.get('virtualippools', 'web');
  if (found === undefined) throw new Error('there is no pool web');
  return found;
}

function nodePlan(name: string): NodePlan | undefined {
  return api.get('nodeplans', name) as NodePlan | undefined;
}

function condition(type: string): string | undefined {
  const found = pool('web')?.status?.conditions?.find((known) => known.type === type);
  return found === undefined ? undefined : `${found.status} ${found.reason}`;
}

/** What the sidecars of all nodes would say: each carries its plan out and holds what it is first for. */
function sidecarsReport(): void {
  for (const name of NODES) {
    const plan = nodePlan(name);
    if (plan === undefined) continue;
    const mine = plan.spec.instances.filter(({ rank }) => rank === 0).flatMap(({ addresses }) => addresses);
    const held = mine.map((address) => ({ address, since: '2026-01-01T00:00:00Z' }));
    const status = { observedPlan: plan.spec.plan, held };
    if (JSON.stringify(plan.status) === JSON.stringify(status)) continue;
    api.put('nodeplans', { ...plan, metadata: { ...plan.metadata }, status });
  }
}

/** As the chart's defaults are. */
const SERVICES = {
  loadBalancerClass: 'keepalived-ingress-vip.io/vip',
  classless: false,
  aliases: true,
  externalIPs: 'Off' as const,
};

/** A pool for Services, in the namespace of one shop. */
function serveServices(): void {
  api.put('namespaces', { metadata: { name: 'shop' } });
  api.put('virtualippools', {
    metadata: { name: 'lb', generation: 1, creationTimestamp: '2026-01-02T00:00:00Z' },
    spec: { ranges: [{ cidr: '192.0.2.128/28' }], services: {} },
  });
}

function addService(name: string, spec: object = {}, annotations: Record<string, string> = {}): void {
  api.put('services', {
    metadata: { namespace: 'shop', name, annotations, creationTimestamp: '2026-01-03T00:00:00Z' },
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: SERVICES.loadBalancerClass,
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ protocol: 'TCP', port: 80 }],
      ...spec,
    },
  });
}

/** Addresses in a Service's status. */
function published(name: string): (string | undefined)[] {
  const status = api.get('services', name)?.status as { loadBalancer?: { ingress?: { ip?: string }[] } } | undefined;
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
}

async function untilReady(): Promise<void> {
  await expect
    .poll(() => {
      sidecarsReport();
      return condition('Ready');
    }, LIMIT)
    .toBe('True AllWell');
}

/** Requests since `before`, without watches and the lease's renewals. */
function othersSince(before: ReadonlyMap<string, number>): Record<string, number> {
  const more = [...api.requests].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(more.filter(([name, count]) => count > 0 && !/^watch |^update leases$/.test(name)));
}

beforeEach(async () => {
  api = new FakeApiServer();
  for (const name of NODES) addNode(name);
  api.put('virtualippools', {
    metadata: { name: 'web', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { addresses: ADDRESSES },
  });
  url = await api.start();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((made) => made.stop()));
  await api.stop();
});

describe('the controller', () => {
  it('plans, writes the plan’s memory and the NodePlans, and sums up what the nodes report', async () => {
    controller('one');
    await untilReady();
    expect(pool('web')?.status).toMatchObject({
      addressCount: 6,
      heldCount: 6,
      eligibleNodes: 3,
      observedGeneration: 1,
    });
    const firsts = NODES.map((name) => nodePlan(name)?.spec.instances.filter(({ rank }) => rank === 0).length);
    expect(firsts).toEqual([2, 2, 2]);
    expect(nodePlan('a')?.metadata).toMatchObject({
      ownerReferences: [{ name: 'web', uid: 'uid-virtualippools-web' }],
    });
  });

  it('asks for nothing but watches and renewals of its lease once all is well, heartbeats or not', async () => {
    const leader = controller('one');
    const standby = controller('two');
    await untilReady();
    await expect.poll(() => leader.snapshot().view.pools[0]?.heldCount, LIMIT).toBe(6);
    await expect.poll(() => standby.snapshot().view.pools[0]?.heldCount, LIMIT).toBe(6);
    const before = new Map(api.requests);
    const renewals = () => (api.requests.get('update leases') ?? 0) - (before.get('update leases') ?? 0);
    for (const node of api.list('nodes'))
      api.put('nodes', { ...node, status: { ...(node.status as object), images: [] } });
    // Long enough that a loop of writes or a poll would show.
    await expect.poll(renewals, LIMIT).toBeGreaterThan(8);
    expect(othersSince(before)).toEqual({});
  });

  it('hands over to the other replica at once when it stops', async () => {
    const first = controller('one');
    await expect.poll(() => first.snapshot().leading, LIMIT).toBe(true);
    const second = controller('two');
    await expect.poll(() => second.snapshot().leader, LIMIT).toBe('one');
    expect(second.snapshot().leading).toBe(false);
    await first.stop();
    await expect.poll(() => second.snapshot().leading, LIMIT).toBe(true);
    expect(api.get('leases', 'vip-controller')).toMatchObject({ spec: { holderIdentity: 'two', leaseTransitions: 1 } });
  });

  it('lets the lease go with the pod that holds it', async () => {
    const first = controller('one');
    await expect.poll(() => first.snapshot().leading, LIMIT).toBe(true);
    const ofPod = (name: string) => [{ apiVersion: 'v1', kind: 'Pod', name, uid: `uid-${name}` }];
    expect(api.get('leases', 'vip-controller')).toMatchObject({ metadata: { ownerReferences: ofPod('one') } });
    const second = controller('two');
    await first.stop();
    await expect.poll(() => second.snapshot().leading, LIMIT).toBe(true);
    expect(api.get('leases', 'vip-controller')).toMatchObject({ metadata: { ownerReferences: ofPod('two') } });
  });

  it('follows an edit: the new address is planned, the others stay where they are', async () => {
    controller('one');
    await untilReady();
    const before = pool('web')?.status?.groups ?? [];
    const edited = pool('web');
    if (edited === undefined) throw new Error('there is a pool');
    const spec = { addresses: [...ADDRESSES, '192.0.2.107'] };
    api.put('virtualippools', { ...edited, metadata: { ...edited.metadata, generation: 2 }, spec });
    await expect.poll(() => pool('web')?.status?.observedGeneration, LIMIT).toBe(2);
    const after = pool('web')?.status?.groups ?? [];
    for (const { slot, virtualRouterId, addresses } of before) {
      const now = after.find((group) => group.slot === slot);
      expect([now?.virtualRouterId, now?.addresses]).toEqual([virtualRouterId, expect.arrayContaining(addresses)]);
    }
    await untilReady();
    expect(pool('web')?.status?.heldCount).toBe(7);
  });

  it('refuses in a younger pool what an older one has, and says so by condition and Event', async () => {
    controller('one');
    await untilReady();
    api.put('virtualippools', {
      metadata: { name: 'younger', generation: 1, creationTimestamp: '2026-02-01T00:00:00Z' },
      spec: { addresses: ['192.0.2.101', '192.0.2.120'] },
    });
    await expect.poll(() => api.list('events').map(({ reason }) => reason), LIMIT).toContain('AddressRefused');
    await expect
      .poll(() => pool('younger')?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason, LIMIT)
      .toBe('AddressesRefused');
    const event = api.list('events').find(({ reason }) => reason === 'AddressRefused');
    expect(event).toMatchObject({
      regarding: { name: 'younger' },
      type: 'Warning',
      metadata: { namespace: 'default' },
    });
    expect(condition('Ready')).toBe('True AllWell');
  });

  it('tells a move by an Event', async () => {
    controller('one');
    await untilReady();
    const plan = nodePlan('a');
    const other = nodePlan('b');
    const [moved] = plan?.status?.held ?? [];
    if (plan === undefined || other === undefined || moved === undefined) throw new Error('node a holds something');
    api.put('nodeplans', { ...plan, metadata: { ...plan.metadata }, status: { ...plan.status, held: [] } });
    const held = [...(other.status?.held ?? []), { ...moved, since: '2026-01-01T00:10:00Z' }];
    api.put('nodeplans', { ...other, metadata: { ...other.metadata }, status: { ...other.status, held } });
    await expect
      .poll(() => api.list('events').map(({ note }) => note), LIMIT)
      .toContain(`1 address moved from a to b: ${moved.address}`);
    expect(started[0]?.snapshot().view.moves[0]).toMatchObject({ from: 'a', to: 'b', addresses: [moved.address] });
  });

  it('writes nothing more when its term has ended, Events neither, though it still sees what happens', async () => {
    const one = controller('one');
    await untilReady();
    api.failing.add('update leases');
    await expect.poll(() => one.snapshot().leading, LIMIT).toBe(false);
    const before = new Map(api.requests);
    const [a, b] = [nodePlan('a'), nodePlan('b')];
    const [moved] = a?.status?.held ?? [];
    if (a === undefined || b === undefined || moved === undefined) throw new Error('node a holds something');
    api.put('nodeplans', { ...a, metadata: { ...a.metadata }, status: { ...a.status, held: [] } });
    const held = [...(b.status?.held ?? []), { ...moved, since: '2026-01-01T00:10:00Z' }];
    api.put('nodeplans', { ...b, metadata: { ...b.metadata }, status: { ...b.status, held } });
    await expect.poll(() => one.snapshot().view.moves.length, LIMIT).toBe(1);
    // Requests that were begun before these have come.
    const tries = api.requests.get('update leases') ?? 0;
    await expect.poll(() => api.requests.get('update leases') ?? 0, LIMIT).toBeGreaterThan(tries + 2);
    expect(othersSince(before)).toEqual({});
    api.failing.clear();
    await expect.poll(() => pool('web')?.status?.addresses?.map(({ holders }) => holders[0]), LIMIT).not.toContain('a');
  });

  it('writes every pool’s status whatever a node reports, though the definition that let it pass is an old one', async () => {
    controller('one');
    await untilReady();
    const plan = nodePlan('a');
    if (plan === undefined) throw new Error('node a has a plan');
    const text = 'x'.repeat(1024 * 1024);
    const said = { agentVersion: text, observedPlan: text, problems: [text, text], foreignRouterIds: [1, 2, 3, 4] };
    api.put('nodeplans', { ...plan, metadata: { ...plan.metadata }, status: said });
    await expect.poll(() => condition('Configured'), LIMIT).toBe('False NodeProblem');
    await expect.poll(() => api.list('events').map(({ reason }) => reason), LIMIT).toContain('NodeProblem');
    const [note] = api.list('events').flatMap((event) => (event.reason === 'NodeProblem' ? [String(event.note)] : []));
    expect(Buffer.byteLength(note ?? '')).toBeLessThanOrEqual(1024);
    // Nobody is renumbered by a node that does not carry out its plan, and this one is seen to be well again.
    await untilReady();
  });

  it('gives nodes plans without spare instances where the definitions are older, says so once, and all is well', async () => {
    api.undeclared.add('nodeplans spares');
    const warned = vi.spyOn(QUIET, 'warn');
    serveServices();
    controller('one', { services: SERVICES });
    await untilReady();
    expect(pool('lb')?.status?.groups).toMatchObject([{ addresses: [] }]);
    addService('shop');
    const planned = () =>
      NODES.map((name) => nodePlan(name)?.spec.instances.some((instance) => instance.pool === 'lb'));
    await expect.poll(planned, LIMIT).toEqual([true, true, true]);
    await untilReady();
    for (const name of NODES) expect(nodePlan(name)?.spec).not.toHaveProperty('spares');
    const said = warned.mock.calls.flat().filter((each) => `${each}`.includes('kubectl apply --server-side'));
    expect(said).toHaveLength(1);
    warned.mockRestore();
  });

  it('writes no plan that it could not remember, and goes on when it can', async () => {
    api.failing.add('patch virtualippools/status');
    controller('one');
    await expect.poll(() => api.requests.get('patch virtualippools/status') ?? 0, LIMIT).toBeGreaterThan(1);
    expect(api.list('nodeplans')).toEqual([]);
    api.failing.clear();
    await untilReady();
  });

  it.each(['virtualippools', 'nodeplans', 'nodes', 'pods', 'leases'])(
    'neither leads nor shows a cluster while it does not know all %s',
    async (resource) => {
      api.failing.add(`list ${resource}`);
      const one = controller('one');
      const unknown = () => one.snapshot().informers.filter(({ synced }) => !synced);
      // Everything else is known, and a good while has passed since.
      await expect.poll(() => unknown().length, LIMIT).toBe(1);
      const asked = api.requests.get(`list ${resource}`) ?? 0;
      await expect.poll(() => api.requests.get(`list ${resource}`) ?? 0, LIMIT).toBeGreaterThan(asked + 1);
      expect(api.requests.get('create leases')).toBeUndefined();
      expect(one.snapshot()).toMatchObject({ leading: false, view: EMPTY_VIEW });
      expect(api.list('nodeplans')).toEqual([]);
      api.failing.clear();
      await untilReady();
      expect(one.snapshot().leading).toBe(true);
    },
  );

  it('gives a Service an address that a node holds, and lets the Service go when no node does', async () => {
    serveServices();
    controller('one', { services: SERVICES });
    addService('ui');
    await expect.poll(() => published('ui'), LIMIT).toHaveLength(1);
    const [address = ''] = published('ui');
    expect(api.get('serviceaddresses', address)).toMatchObject({
      spec: { pool: 'lb', owners: [{ name: 'ui' }] },
    });
    const holders = () => (api.get('serviceaddresses', address)?.status as ServiceAddressStatus | undefined)?.holders;
    await expect
      .poll(() => {
        sidecarsReport();
        return holders()?.length;
      }, LIMIT)
      .toBe(1);
    await expect.poll(() => api.list('events').map(({ reason }) => reason), LIMIT).toContain('AddressAllocated');
    api.delete('services', 'ui');
    await expect
      .poll(() => {
        sidecarsReport();
        return api.get('services', 'ui');
      }, LIMIT)
      .toBeUndefined();
    addService('ui');
    await expect.poll(() => published('ui'), LIMIT).toEqual([address]);
    api.delete('virtualippools', 'lb');
    api.delete('services', 'ui');
    await expect
      .poll(() => {
        sidecarsReport();
        return [api.list('services'), api.list('serviceaddresses'), api.get('virtualippools', 'lb')];
      }, LIMIT)
      .toEqual([[], [], undefined]);
  });

  it('asks for nothing more once a Service has what it asks for', async () => {
    serveServices();
    controller('one', { services: SERVICES });
    addService('ui');
    await expect.poll(() => published('ui'), LIMIT).toHaveLength(1);
    await untilReady();
    const holders = () => (api.list('serviceaddresses')[0]?.status as ServiceAddressStatus | undefined)?.holders;
    await expect
      .poll(() => {
        sidecarsReport();
        return holders()?.length;
      }, LIMIT)
      .toBe(1);
    await expect.poll(() => api.list('events').length, LIMIT).toBeGreaterThan(0);
    const renewals = () => api.requests.get('update leases') ?? 0;
    const quiet = renewals();
    await expect.poll(renewals, LIMIT).toBeGreaterThan(quiet + 4);
    const before = new Map(api.requests);
    await expect.poll(renewals, LIMIT).toBeGreaterThan(quiet + 12);
    expect(othersSince(before)).toEqual({});
  });

  it('takes up what another leader wrote, and gives no address that it has', async () => {
    serveServices();
    const taken: string[] = [];
    api.before = (called) => {
      if (called !== 'create serviceaddresses' || taken.length > 0) return;
      const wanted = Array.from({ length: 14 }, (_, at) => `192.0.2.${129 + at}`);
      const owners = [{ namespace: 'shop', name: 'rival', uid: 'uid-services-rival' }];
      addService('rival');
      for (const address of wanted.slice(0, 13)) {
        taken.push(address);
        api.put('serviceaddresses', { metadata: { name: address }, spec: { address, pool: 'lb', owners } });
      }
    };
    controller('one', { services: SERVICES });
    addService('ui');
    await expect.poll(() => published('ui'), LIMIT).toHaveLength(1);
    await expect.poll(() => published('rival'), LIMIT).toHaveLength(1);
    expect(taken).not.toContain(published('ui')[0]);
    expect(published('rival')).not.toEqual(published('ui'));
  });

  it.each(['services', 'namespaces', 'serviceaddresses'])(
    'gives no address while it does not know all %s, and plans pools meanwhile',
    async (resource) => {
      serveServices();
      addService('ui');
      api.failing.add(`list ${resource}`);
      const one = controller('one', { services: SERVICES });
      await untilReady();
      const asked = api.requests.get(`list ${resource}`) ?? 0;
      await expect.poll(() => api.requests.get(`list ${resource}`) ?? 0, LIMIT).toBeGreaterThan(asked + 1);
      expect(one.snapshot().leading).toBe(true);
      expect([api.list('serviceaddresses'), published('ui')]).toEqual([[], []]);
      api.failing.clear();
      await expect.poll(() => published('ui'), LIMIT).toHaveLength(1);
    },
  );

  it('follows endpoints once a Service asks for connections to them, and names them in the plan of their node', async () => {
    serveServices();
    controller('one', { services: SERVICES });
    const local = { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234 };
    addService('ui', local);
    await expect.poll(() => published('ui'), LIMIT).toHaveLength(1);
    expect([...api.requests.keys()].filter((called) => called.includes('endpointslices'))).toEqual([]);
    const [node = '', other = ''] = NODES;
    const slice = (address: string) =>
      api.put('endpointslices', {
        metadata: { namespace: 'shop', name: 'ui-x', labels: { 'kubernetes.io/service-name': 'ui' } },
        ...{ addressType: 'IPv4', ports: [{ port: 8080 }], endpoints: [{ addresses: [address], nodeName: node }] },
      });
    slice('10.0.0.1');
    addService('ui', local, { 'keepalived-ingress-vip.io/probe': 'tcp' });
    const named = (name: string) => {
      sidecarsReport();
      const { pools } = (api.get('nodeplans', name)?.spec ?? { pools: [] }) as NodePlanSpec;
      return pools.find(({ ofPool }) => ofPool === 'lb')?.localEndpoints;
    };
    const plan = { port: 31_234, endpoints: [{ address: '10.0.0.1', port: 8080 }] };
    await expect.poll(() => named(node), LIMIT).toEqual(plan);
    await expect.poll(() => named(other), LIMIT).toEqual({ port: 31_234, endpoints: [], elsewhere: true });
    slice('10.0.0.2');
    await expect.poll(() => named(node)?.endpoints, LIMIT).toEqual([{ address: '10.0.0.2', port: 8080 }]);
  });

  it('follows neither Services nor namespaces nor claims where Services get no addresses', async () => {
    controller('one');
    await untilReady();
    const asked = [...api.requests.keys()].filter((called) => /services|namespaces|serviceaddresses/.test(called));
    expect(asked).toEqual([]);
  });

  it('makes a pool of the control plane’s ingress, has nodes hold its address, and says where it is reached', async () => {
    api.put('controlplaneingresses', {
      metadata: { name: 'main', generation: 1 },
      spec: { managedVirtualIP: { address: '192.0.2.120' } },
    });
    for (const name of NODES) {
      api.put('nodes', {
        ...api.get('nodes', name),
        metadata: { name, labels: { 'node-role.kubernetes.io/master': '' } },
      });
    }
    controller('one', { controlPlaneIngress: {} });
    const status = () => api.get('controlplaneingresses', 'main')?.status as ControlPlaneIngressStatus | undefined;
    await expect
      .poll(() => {
        sidecarsReport();
        return status()?.conditions?.find(({ type }) => type === 'Ready')?.reason;
      }, LIMIT)
      .toBe('AllWell');
    expect(status()).toMatchObject({ ip: '192.0.2.120', endpoint: 'https://192.0.2.120:8443' });
    expect(pool('control-plane-ingress')?.status?.heldCount).toBe(1);
    expect(NODES.flatMap((name) => nodePlan(name)?.spec.pools.map((each) => each.name))).toContain(
      'control-plane-ingress',
    );
  });

  it('has the Service of the control plane’s ingress take connections to its address, and leaves the rest of it alone', async () => {
    const spec = { selector: { app: 'ui' }, ports: [{ port: 8443 }] };
    api.put('services', { metadata: { name: 'ui', namespace: 'ingress' }, spec });
    api.put('controlplaneingresses', {
      metadata: { name: 'main', generation: 1 },
      spec: { externalIP: { address: '192.0.2.130' } },
    });
    controller('one', { controlPlaneIngress: { service: { namespace: 'ingress', name: 'ui' } } });
    const current = () => api.get('services', 'ui')?.spec;
    await expect.poll(current, LIMIT).toEqual({ ...spec, externalIPs: ['192.0.2.130'] });
    // Whoever takes it off meets who puts it back.
    api.put('services', { metadata: { name: 'ui', namespace: 'ingress' }, spec });
    await expect.poll(current, LIMIT).toEqual({ ...spec, externalIPs: ['192.0.2.130'] });
  });

  it('plans pools while the definition of the control plane’s ingress is not there', async () => {
    api.failing.add('list controlplaneingresses');
    const one = controller('one', { controlPlaneIngress: {} });
    await untilReady();
    expect(one.snapshot().informers.find(({ synced }) => !synced)?.name).toBe('control plane ingress');
  });

  it('asks for no ingress of the control plane where there is to be none', async () => {
    controller('one');
    await untilReady();
    expect([...api.requests.keys()].filter((request) => request.includes('ingress'))).toEqual([]);
  });

  it('keeps what it knows while the API is away, and goes on when it is back', async () => {
    const one = controller('one');
    await untilReady();
    await api.stop();
    await expect.poll(() => one.snapshot().leading, LIMIT).toBe(false);
    expect(one.snapshot().view.pools[0]?.heldCount).toBe(6);
    const before = pool('web');
    await api.start(Number(new URL(url).port));
    await expect.poll(() => one.snapshot().leading, { ...LIMIT, timeout: 15_000 }).toBe(true);
    await expect.poll(() => one.snapshot().informers.every(({ connected }) => connected), LIMIT).toBe(true);
    expect(pool('web')?.status?.groups).toEqual(before?.status?.groups);
  });

  it('goes on from what etcd was restored to, as if it had never known more', async () => {
    controller('one');
    await untilReady();
    const backup = api.backup();
    api.put('virtualippools', { ...poolObject(), spec: { addresses: [...ADDRESSES, '192.0.2.107'] } });
    await expect.poll(() => pool('web')?.status?.addressCount, LIMIT).toBe(7);
    await untilReady();
    api.restore(backup, 'bumped');
    await expect.poll(() => started[0]?.snapshot().view.addresses.length, LIMIT).toBe(6);
    api.put('virtualippools', { ...poolObject(), spec: { addresses: ADDRESSES.slice(0, 5) } });
    await expect.poll(() => pool('web')?.status?.addressCount, LIMIT).toBe(5);
    await untilReady();
    expect(started[0]?.snapshot()).toMatchObject({ leading: true, view: { pools: [{ heldCount: 5 }] } });
  });

  it('removes the plan of a node that went, when its sidecar has let go', async () => {
    controller('one');
    await untilReady();
    api.remove('pods', 'sidecar-c');
    api.remove('nodes', 'c');
    await expect
      .poll(() => {
        sidecarsReport();
        return nodePlan('c');
      }, LIMIT)
      .toBeUndefined();
    await untilReady();
    expect(pool('web')?.status).toMatchObject({ eligibleNodes: 2, heldCount: 6 });
  });
});
