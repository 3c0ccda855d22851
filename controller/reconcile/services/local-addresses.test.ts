import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LOCAL_POOL } from '../../../api/instances.ts';
import type { NodePlan } from '../../../api/node-plan.ts';
import type { ServiceAddress } from '../../../api/service-address.ts';
import { NOTHING_TO_HOLD, serviceFaults, TOO_MANY_LOCAL, withoutInstance } from '../../events/local-services.ts';
import type { EndpointSliceFacts } from '../../kubernetes/endpoint-slice-facts.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { assignmentsOf } from '../../plan/assignments.ts';
import { makePlan } from '../../plan/planner.ts';
import { nodes, settings } from '../../plan/testing/scenes.ts';
import type { Plan, PlanSettings } from '../../plan/types.ts';
import { PROBE } from '../../services/annotations.ts';
import { owned, service } from '../../services/testing/scenes.ts';
import type { LoadBalancerService } from '../../services/types.ts';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import type { FakeServices } from '../../testing/fake-services.ts';
import { poolOf } from '../../testing/objects.ts';
import { settle as settleAll } from '../../testing/settle.ts';
import { nodePlanSpec } from '../node-plan-spec.ts';
import { poolDemands } from '../pool-demands.ts';
import type { Reconciler } from '../reconciler.ts';
import { claimedBy, plannedLast, without } from './claimed-addresses.ts';
import { localAddresses, NOTHING_LOCAL } from './local-addresses.ts';

const RANGE = '192.0.2.128/28';
const SERVING = poolOf('web', [], {
  spec: { ranges: [{ first: '192.168.11.1', last: '192.168.11.254', prefixLength: 24 }], services: {} },
});

describe('addresses of Services with externalTrafficPolicy Local', () => {
  let fake: FakeCluster;
  let services: FakeServices;
  let reconciler: Reconciler;

  function settle(): Promise<void> {
    return settleAll({ fake, services, reconciler });
  }

  function create(name: string, changes: Partial<FollowedService> = {}): void {
    const port = 30_000 + services.services.size;
    services.create(name, { externalTrafficPolicy: 'Local', healthCheckNodePort: port, ...changes });
  }

  function addressOf(name: string): string {
    return services.addresses(name)[0] ?? '';
  }

  /** The instances that have an address, each once, by the plans of all nodes. */
  function instancesWith(address: string): string[] {
    const all = fake.caches.plans.list().flatMap(({ spec }) => spec.instances);
    return [...new Set(all.filter(({ addresses }) => addresses.includes(address)).map(({ name }) => name))];
  }

  /** What nodes were told since then. */
  function planWrites(since: number): string[] {
    return fake.written.slice(since).filter((what) => what.startsWith('node_plan'));
  }

  function planned(node = 'a') {
    return fake.plan(node).spec;
  }

  beforeEach(() => {
    fake = new FakeCluster();
    services = fake.serve();
    fake.addNodes('a', 'b', 'c');
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: RANGE }], services: {} } }));
    reconciler = fake.reconciler();
  });

  it('have an instance of their own, for which nodes ask kube-proxy whether they have an endpoint', async () => {
    create('ui', { healthCheckNodePort: 31_234 });
    await settle();
    const { pools, instances } = planned();
    const own = pools.find(({ name }) => name !== 'web');
    expect(own).toMatchObject({
      name: expect.stringMatching(LOCAL_POOL),
      ...{ ofPool: 'web', failbackDelaySeconds: 30, localEndpoints: { port: 31_234 } },
      healthCheck: { httpGet: { port: 10_256 } },
    });
    expect(instances).toMatchObject([{ pool: own?.name, addresses: [addressOf('ui')] }]);
    expect(fake.caches.plans.list().map(({ spec }) => spec.instances.length)).toEqual([1, 1, 1]);
    expect(fake.plan('a').metadata.ownerReferences).toMatchObject([{ kind: 'VirtualIPPool', name: 'web' }]);
    expect(fake.pool('web').status).toMatchObject({
      ...{ addressCount: 1, heldCount: 1, addresses: [], services: { allocated: 1 } },
      groups: [{ addresses: [] }],
      conditions: [{ reason: 'PlanCarriedOut' }, { reason: 'AllAddressesHeld' }, { type: 'Ready', reason: 'AllWell' }],
    });
    expect(services.claims.get(addressOf('ui'))?.status).toMatchObject({ holders: [expect.any(String)] });
  });

  it('move together where Services have the same pods, and ask at the port of the oldest', async () => {
    const selector = { app: 'shop', tier: 'front' };
    create('new', { selector, healthCheckNodePort: 31_002 });
    const { metadata } = services.create('old', {
      selector: { tier: 'front', app: 'shop' },
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31_001,
    });
    services.change('old', { metadata: { ...metadata, createdMs: metadata.createdMs - 1000 } });
    create('other');
    create('unready', { selector, publishNotReadyAddresses: true });
    create('listed', { selector: {} });
    create('listed-too', { selector: {} });
    await settle();
    expect(instancesWith(addressOf('new'))).toEqual(instancesWith(addressOf('old')));
    expect(planned().instances).toHaveLength(5);
    expect(new Set(planned().instances.map(({ virtualRouterId }) => virtualRouterId)).size).toBe(5);
    const both = planned().instances.find(({ addresses }) => addresses.length === 2);
    expect(planned().pools.find(({ name }) => name === both?.pool)?.localEndpoints).toEqual({ port: 31_001 });
    services.delete('old');
    await settle();
    expect(planned().pools.find(({ name }) => name === both?.pool)?.localEndpoints).toEqual({ port: 31_002 });
  });

  it('of IPv6 are asked about at the nodes’ addresses of IPv6, also by a controller that knows no Services yet', async () => {
    for (const [index, node] of ['a', 'b'].entries()) fake.address(node, { internal: [`fd00::${index + 1}`] });
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: 'fd00:1::/120' }], services: {} } }));
    create('ui', { ipFamilies: ['IPv6'] });
    await settle();
    const hosts = () => ['a', 'b', 'c'].map((node) => planned(node).pools[0]?.localEndpoints?.host);
    expect(hosts()).toEqual(['fd00::1', 'fd00::2', undefined]);
    const written = fake.written.length;
    services.restart();
    services.complete = false;
    reconciler = fake.reconciler();
    await settle();
    expect(hosts()).toEqual(['fd00::1', 'fd00::2', undefined]);
    expect(planWrites(written)).toEqual([]);
  });

  it('stay where they are when pods, pools and controllers come and go', async () => {
    fake.putPool(poolOf('fixed', ['192.0.2.100']));
    create('ui');
    create('db');
    services.create('everywhere');
    await settle();
    const [before, written] = [fake.caches.plans.list().map(({ spec }) => spec), fake.written.length];
    services.restart();
    services.complete = false;
    reconciler = fake.reconciler();
    await settle();
    expect(planWrites(written)).toEqual([]);
    services.complete = true;
    await settle();
    expect(planWrites(written)).toEqual([]);
    expect(fake.caches.plans.list().map(({ spec }) => spec)).toEqual(before);
  });

  it('stay while nothing is known of their Services, as when the list of them is older than that of claims', async () => {
    create('ui');
    await settle();
    const [address, instances] = [addressOf('ui'), instancesWith(addressOf('ui'))];
    services.caches.services.replace([], services.caches.services.changes);
    await reconciler.run();
    expect(instancesWith(address)).toEqual(instances);
  });

  it('go to the pool’s groups when the Service has them from all nodes, and back', async () => {
    create('ui');
    await settle();
    const address = addressOf('ui');
    const [own] = instancesWith(address);
    services.change('ui', { externalTrafficPolicy: 'Cluster' });
    await settle();
    expect(instancesWith(address)).toEqual(['web-1']);
    expect(planned().pools.map(({ name }) => name)).toEqual(['web']);
    services.change('ui', { externalTrafficPolicy: 'Local' });
    await settle();
    expect(instancesWith(address)).toEqual([own]);
  });

  it('keep router id and first node when the Service changes its policy, either way', async () => {
    create('ui');
    services.create('other');
    await settle();
    const address = addressOf('ui');
    const running = () =>
      fake.caches.plans.list().map(({ metadata, spec }) => {
        const own = spec.instances.find(({ addresses }) => addresses.includes(address));
        return [metadata.name, own?.virtualRouterId, own?.rank === 0];
      });
    const before = running();
    for (const externalTrafficPolicy of ['Cluster', 'Local'] as const) {
      services.change('ui', { externalTrafficPolicy });
      await settle();
      expect(running()).toEqual(before);
    }
  });

  it('go with their Service', async () => {
    create('ui');
    await settle();
    const address = addressOf('ui');
    services.delete('ui');
    await settle();
    expect(instancesWith(address)).toEqual([]);
    expect(services.services.size).toBe(0);
  });

  it('are told of when they move', async () => {
    create('ui');
    await settle();
    const [from = '', to = ''] = fake.caches.plans
      .list()
      .toSorted((a, b) => (a.spec.instances[0]?.rank ?? 0) - (b.spec.instances[0]?.rank ?? 0))
      .map(({ metadata }) => metadata.name);
    const held = [{ address: addressOf('ui'), since: '2026-01-01T00:10:00Z' }];
    fake.reportAll({
      [from]: { observedPlan: planned(from).plan, held: [] },
      [to]: { observedPlan: planned(to).plan, held },
    });
    services.deliver();
    await reconciler.run();
    const moves = fake.events.filter(({ reason }) => reason === 'AddressMoved');
    expect(moves).toMatchObject([{ regarding: { kind: 'Service', name: 'ui' } }]);
  });
});

/** One address for each Service. */
function claimsOf(services: readonly LoadBalancerService[]): ServiceAddress[] {
  return services.map((each, index) => owned(`192.168.11.${index + 1}`, each));
}

interface Scene {
  readonly services: readonly LoadBalancerService[];
  readonly plans?: readonly NodePlan[];
  readonly settings?: PlanSettings;
  readonly complete?: boolean;
  readonly slices?: readonly EndpointSliceFacts[] | undefined;
}

function planFor({ services, plans = [], settings: chosen = settings, complete = true, ...rest }: Scene): Plan {
  const claims = claimsOf(services);
  const slices = 'slices' in rest ? rest.slices : [];
  const local = localAddresses({ pools: [SERVING], plans, known: complete ? { claims, services } : undefined, slices });
  const cluster = nodes(3);
  const demands = [...poolDemands([SERVING], without(claimedBy(claims), local.addresses)), ...local.demands];
  return makePlan({
    ...{ demands, nodes: cluster, settings: chosen, foreignRouterIds: new Set<number>() },
    assignments: assignmentsOf(plans, cluster),
  });
}

/** The plan as nodes have it, none of which holds anything. */
function stored(plan: Plan): NodePlan[] {
  return [...plan.nodes].map(([name, content]) => ({ metadata: { name }, spec: nodePlanSpec(content) }));
}

/** The part of what nodes are to do that is placed by itself. */
function localPart(plans: readonly NodePlan[]) {
  return plans.map(({ metadata, spec }) => ({
    node: metadata.name,
    pools: spec.pools.filter(({ ofPool }) => ofPool !== undefined),
    instances: spec.instances.filter(({ pool }) => LOCAL_POOL.test(pool)),
  }));
}

const anyService = fc.record({
  app: fc.constantFrom('a', 'b', 'c', ''),
  externalTrafficPolicy: fc.constantFrom<'Local' | 'Cluster'>('Local', 'Cluster'),
  createdMs: fc.nat(3),
});
const anyServices = fc.array(anyService, { maxLength: 12 }).map((list) =>
  list.map(({ app, externalTrafficPolicy, createdMs }, index) =>
    service(`s${index}`, {
      ...{ externalTrafficPolicy, selector: app === '' ? {} : { app }, healthCheckNodePort: 30_000 + index },
      metadata: { createdMs },
    }),
  ),
);

describe('what nodes are to do for them', () => {
  it('is the memory of it: from it the same is planned again, whether Services are known or not', () => {
    fc.assert(
      fc.property(anyServices, fc.boolean(), (services, complete) => {
        const plans = stored(planFor({ services }));
        const again = stored(planFor({ services, plans, complete }));
        expect(localPart(again)).toEqual(localPart(plans));
        if (complete) expect(again).toMatchObject(localPart(plans).map(({ node }) => ({ metadata: { name: node } })));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps each address in one instance, of its own Services alone, when Services come, go and change', () => {
    fc.assert(
      fc.property(anyServices, anyServices, (before, after) => {
        const plans = stored(planFor({ services: before }));
        const first = stored(planFor({ services: after, plans }))[0];
        const all = (first?.spec.instances ?? []).flatMap(({ addresses }) => addresses);
        expect(new Set(all).size).toBe(all.length);
        expect(all).toHaveLength(after.length);
        const isLocal = (address: string) =>
          first?.spec.instances.some(({ pool, addresses }) => LOCAL_POOL.test(pool) && addresses.includes(address));
        after.forEach(({ externalTrafficPolicy }, index) => {
          expect(isLocal(`192.168.11.${index + 1}/24`)).toBe(externalTrafficPolicy === 'Local');
        });
      }),
      { numRuns: 60 },
    );
  });

  it('goes on by the node that is preferred where a crash left the others with an older plan', () => {
    const [one, two] = [service('one', { externalTrafficPolicy: 'Local', selector: { app: 'x' } }), service('two')];
    const local = { ...two, externalTrafficPolicy: 'Local' as const, selector: { app: 'x' } };
    const old = stored(planFor({ services: [one] }));
    const fresh = stored(planFor({ services: [one, local], plans: old }));
    const [first, ...others] = old;
    const mixed = [...fresh.slice(0, 1), ...others];
    expect(stored(planFor({ services: [one, local], plans: mixed }))).toEqual(fresh);
    expect(first?.spec.instances[0]?.virtualRouterId).toBe(fresh[0]?.spec.instances[0]?.virtualRouterId);
  });
});

/** Endpoints of a Service, one for each name of a node. */
function sliceOf({ metadata: { namespace, name } }: LoadBalancerService, ...on: readonly string[]): EndpointSliceFacts {
  const endpoints = on.map((node, index) => ({ node, address: `10.0.0.${index + 1}` }));
  return { metadata: { name: `${name}-x`, namespace }, service: name, family: 4, port: 8080, endpoints };
}

describe('endpoints that nodes hold connections to', () => {
  const probing = (changes: Partial<LoadBalancerService> = {}) =>
    service('web', {
      ...{ externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234, annotations: { [PROBE]: 'tcp' } },
      ...changes,
    });
  const held = (plan: Plan) =>
    Object.fromEntries([...plan.nodes].map(([node, { pools }]) => [node, pools[0]?.localEndpoints]));
  const at = (address: string) => ({ address, port: 8080 });

  it('are those of each node, which is told whether others have any', () => {
    const services = [probing()];
    const slices = [sliceOf(probing(), 'node-1', 'node-1', 'elsewhere'), sliceOf(service('other'), 'node-2')];
    expect(held(planFor({ services, slices }))).toEqual({
      'node-1': { port: 31_234, endpoints: [at('10.0.0.1'), at('10.0.0.2')] },
      'node-2': { port: 31_234, endpoints: [], elsewhere: true },
      'node-3': { port: 31_234, endpoints: [], elsewhere: true },
    });
  });

  it('are at the port that the annotation names, and of the family that kube-proxy counts', () => {
    const services = [probing({ annotations: { [PROBE]: 'tcp:9' }, ipFamilies: ['IPv6', 'IPv4'] })];
    const six = {
      ...sliceOf(probing(), 'node-1'),
      family: 6 as const,
      endpoints: [{ node: 'node-1', address: 'FD00:0::1' }],
    };
    const slices = [sliceOf(probing(), 'node-1'), six];
    expect(held(planFor({ services, slices }))['node-1']).toMatchObject({
      endpoints: [{ address: 'fd00::1', port: 9 }],
    });
  });

  it('are each one once, and not more than a plan may have', () => {
    const own = sliceOf(probing(), ...Array.from({ length: 12 }, () => 'node-1'));
    const plan = planFor({ services: [probing()], slices: [own, own] });
    expect(held(plan)['node-1']?.endpoints).toHaveLength(8);
  });

  it('stay as they were planned last while they are not known', () => {
    const services = [probing()];
    const first = planFor({ services, slices: [sliceOf(probing(), 'node-1', 'node-2')] });
    for (const unknown of [{ slices: undefined }, { slices: [], complete: false }]) {
      expect(held(planFor({ services, plans: stored(first), ...unknown }))).toEqual(held(first));
    }
    expect(held(planFor({ services, plans: stored(first), slices: [] }))['node-1']).toEqual({
      port: 31_234,
      endpoints: [],
    });
  });

  it('are none where the pool and the Service do not ask, nor where there is no TCP port', () => {
    const slices = [sliceOf(probing(), 'node-1')];
    const plain = { port: 31_234 };
    expect(held(planFor({ services: [probing({ annotations: {} })], slices }))['node-1']).toEqual(plain);
    const udp = probing({ ports: [{ protocol: 'UDP', port: 53 }] });
    expect(held(planFor({ services: [udp], slices }))['node-1']).toEqual(plain);
    const known = { claims: claimsOf([udp]), services: [udp] };
    const local = localAddresses({ pools: [SERVING], plans: [], known, slices });
    expect([local.probed.size, local.unprobed]).toEqual([0, [udp]]);
    const faults = [...serviceFaults(planFor({ services: [udp] }), { claims: [], local }).values()];
    expect(faults).toMatchObject([{ reason: NOTHING_TO_HOLD, regarding: { kind: 'Service', name: 'web' } }]);
    expect(faults[0]?.note).toContain('tcp:<a TCP port of the pods>');
  });

  it('are asked for by a pool, and by one of the Services that have the same', () => {
    const asked = (health: 'Probe' | 'Always', ...services: readonly LoadBalancerService[]) => {
      const pool = { ...SERVING, spec: { ...SERVING.spec, services: { health } } };
      const known = { claims: claimsOf(services), services };
      return localAddresses({ pools: [pool], plans: [], known, slices: [] });
    };
    const plain = probing({ annotations: {}, selector: { app: 'x' } });
    expect([...asked('Probe', plain).probed]).toEqual(['default/web']);
    // Nothing is asked at all.
    const [always] = asked('Always', plain).demands;
    expect([always?.settings.localEndpoints, always?.endpoints]).toEqual([undefined, undefined]);
    const other = service('too', {
      ...{ externalTrafficPolicy: 'Local', selector: { app: 'x' }, annotations: { [PROBE]: 'tcp' } },
      metadata: { createdMs: Number.MAX_SAFE_INTEGER },
    });
    expect([...asked('Always', plain, other).probed]).toEqual(['default/web']);
  });
});

describe('in a multicast group of their own', () => {
  const given = { ...settings, virtualRouterIds: { first: 7, last: 8 }, multicastGroup: 200 };
  const local = (name: string) => service(name, { externalTrafficPolicy: 'Local' });
  const services = [local('one'), local('two'), local('three')];
  const apartOf = (plan: Plan) => plan.nodes.get('node-1')?.apart ?? [];
  const plan = planFor({ services, settings: given });

  it('need none of the router ids that pools have, and are remembered by what nodes were told', () => {
    expect(apartOf(plan).map(({ multicastGroup, virtualRouterId }) => [multicastGroup, virtualRouterId])).toEqual(
      [1, 2, 3].map((id) => [200, id]),
    );
    expect(withoutInstance(plan).size).toBe(0);
    const fewer = planFor({ services: services.slice(0, 2), settings: given, plans: stored(plan) });
    const names = new Set(apartOf(fewer).map(({ name }) => name));
    expect(names.size).toBe(2);
    expect(apartOf(fewer)).toEqual(apartOf(plan).filter(({ name }) => names.has(name)));
    const unknown = planFor({ services, settings: given, plans: stored(plan), complete: false });
    expect(apartOf(unknown)).toEqual(apartOf(plan));
  });

  it('leave it when their policy is Cluster', () => {
    const changed = [service('one', { externalTrafficPolicy: 'Cluster' }), ...services.slice(1)];
    const next = planFor({ services: changed, settings: given, plans: stored(plan) });
    expect(apartOf(next)).toHaveLength(2);
    expect(next.nodes.get('node-1')?.instances).toMatchObject([{ pool: 'web', virtualRouterId: 7 }]);
  });
});

describe('where there are more of them than router ids', () => {
  const few = { ...settings, virtualRouterIds: { first: 7, last: 8 } };
  const local = (name: string) => service(name, { externalTrafficPolicy: 'Local' });
  const services = [local('one'), local('two'), local('three')];
  const plan = planFor({ services, settings: few });

  it('those that have one keep it, and the others say what to do', () => {
    const [left, ...more] = withoutInstance(plan);
    expect(more).toEqual([]);
    const [address = '', message = ''] = left ?? [];
    expect(message).toBe(
      `no VRRP router id is free for ${address}, so that no node has it: with externalTrafficPolicy Local every selector takes one; set it to Cluster, let Services have one selector, or, where fewer than 255 ids are in use, widen controller.virtualRouterIds or set services.multicastGroup`,
    );
    const again = planFor({ services, settings: few, plans: stored(plan) });
    expect([...withoutInstance(again).keys()]).toEqual([address]);
  });

  it('is an Event on the Service whose address it is', () => {
    const known = { claims: claimsOf(services), local: NOTHING_LOCAL };
    const faults = [...serviceFaults(plan, known).values()];
    expect(faults).toMatchObject([
      { type: 'Warning', reason: TOO_MANY_LOCAL, regarding: { kind: 'Service', namespace: 'default' } },
    ]);
    expect(serviceFaults(planFor({ services }), known).size).toBe(0);
    expect(serviceFaults(undefined, known).size).toBe(0);
  });
});

describe('addresses of Services of a pool whose addresses every fit node has', () => {
  let fake: FakeCluster;
  let services: FakeServices;
  let reconciler: Reconciler;

  function settle(): Promise<void> {
    return settleAll({ fake, services, reconciler });
  }

  function addressOf(name: string): string {
    return services.addresses(name)[0] ?? '';
  }

  function specs() {
    return ['a', 'b', 'c'].map((name) => fake.plan(name).spec);
  }

  beforeEach(() => {
    fake = new FakeCluster();
    services = fake.serve();
    fake.addNodes('a', 'b', 'c');
    const spec = { ranges: [{ cidr: '198.51.100.0/24' }], distribution: { mode: 'All' as const }, services: {} };
    fake.putPool(poolOf('web', [], { spec }));
    reconciler = fake.reconciler();
  });

  it('are on every node, those with externalTrafficPolicy Local with the question whether it has an endpoint', async () => {
    services.create('plain', {});
    services.create('local', { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234 });
    await settle();
    for (const { pools, instances, loopback = [] } of specs()) {
      expect([pools.map(({ name }) => name), instances]).toEqual([['web'], []]);
      expect(loopback).toEqual([
        {
          ...{ name: expect.stringMatching(LOCAL_POOL), pool: 'web' },
          ...{ localEndpoints: { port: 31_234 }, addresses: [addressOf('local')] },
        },
        { name: 'web', pool: 'web', addresses: [addressOf('plain')] },
      ]);
    }
  });

  it('are on one node on lo, by VRRP, where a client is to meet the same pod again, and back when it need not', async () => {
    services.create('plain', {});
    services.create('sticky', { clientIpAffinity: true });
    services.create('local', { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234, clientIpAffinity: true });
    await settle();
    for (const { pools, instances, loopback = [] } of specs()) {
      expect(loopback.flatMap(({ addresses }) => addresses)).toEqual([addressOf('plain')]);
      expect(instances.flatMap(({ addresses }) => addresses).toSorted()).toEqual(
        [addressOf('sticky'), addressOf('local')].toSorted(),
      );
      const apart = pools.filter(({ ofPool }) => ofPool === 'web');
      expect(apart.map((pool) => [pool.onLoopback, pool.localEndpoints?.port]).toSorted()).toEqual([
        [true, undefined],
        [true, 31_234],
      ]);
    }
    const { clientIpAffinity: _, ...free } = services.service('sticky');
    services.services.set('shop/sticky', free);
    await settle();
    for (const { loopback = [] } of specs()) {
      expect(loopback.flatMap(({ addresses }) => addresses).toSorted()).toEqual(
        [addressOf('plain'), addressOf('sticky')].toSorted(),
      );
    }
  });

  it('stay as they were while a new controller does not know Services yet', async () => {
    services.create('plain', {});
    services.create('local', { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234 });
    services.create('sticky', { clientIpAffinity: true });
    await settle();
    const plans = fake.caches.plans.list();
    const pools = fake.caches.pools.list();
    const local = localAddresses({ pools, plans, known: undefined, slices: undefined });
    const demands = [...poolDemands(pools, without(plannedLast(plans), local.addresses)), ...local.demands];
    const again = makePlan({
      ...{ demands, nodes: nodes(3).map((each, index) => ({ ...each, name: 'abc'[index] ?? '' })), settings },
      ...{ assignments: assignmentsOf(plans, nodes(3)), foreignRouterIds: new Set<number>() },
    });
    for (const [name, content] of again.nodes) {
      const { instances, loopback } = fake.plan(name).spec;
      expect(content.loopback).toEqual(loopback);
      expect(content.instances.map((each) => each.addresses)).toEqual(instances.map((each) => each.addresses));
    }
  });
});

describe('addresses that some of the nodes have', () => {
  it('are elected for by themselves where they are of Services with externalTrafficPolicy Local, and keep their seats', async () => {
    const fake = new FakeCluster();
    const services = fake.serve();
    fake.addNodes('a', 'b', 'c');
    const distribution = { mode: 'Replicas' as const, replicas: 2 };
    const spec = { ranges: [{ cidr: '198.51.100.0/24' }], distribution, services: {} };
    fake.putPool(poolOf('web', [], { spec }));
    const reconciler = fake.reconciler();
    services.create('plain', {});
    services.create('local', { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234 });
    services.create('sticky', { clientIpAffinity: true });
    await settleAll({ fake, services, reconciler });
    const seatsOf = () => fake.plan('a').spec.spares?.map(({ name, virtualRouterId }) => ({ name, virtualRouterId }));
    const seats = seatsOf();
    const local = fake.plan('a').spec.loopback?.find(({ name }) => name !== 'web')?.name ?? '';
    expect(seats?.map(({ name }) => name)).toEqual([`${local}-0`, `${local}-1`, 'web-0', 'web-1']);
    const sticky = services.addresses('sticky');
    expect(fake.plan('a').spec.instances.flatMap(({ addresses }) => addresses)).toEqual(sticky);
    expect(fake.plan('a').spec.loopback).toMatchObject([
      { name: local, elected: true, addresses: services.addresses('local'), localEndpoints: { port: 31_234 } },
      { name: 'web', elected: true, addresses: services.addresses('plain') },
    ]);
    services.create('another', {});
    await settleAll({ fake, services, reconciler });
    expect(seatsOf()).toEqual(seats);
    expect(fake.plan('a').spec.loopback?.[1]?.addresses).toHaveLength(2);
  });
});
