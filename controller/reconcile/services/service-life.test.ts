import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOCAL_POOL } from '../../../api/instances.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { FakeCluster, FakeTerm } from '../../testing/fake-cluster.ts';
import { poolOf } from '../../testing/objects.ts';
import type { Reconciler } from '../reconciler.ts';

/*
 * Lives of Services with controllers that end between any two writes, and that know one kind of object in a newer state than another.
 */

const RANGE = '192.0.2.128/28';
const CLASS = 'keepalived-ingress-vip.io/vip';
const NAMES = ['ui', 'db', 'rival', 'other'] as const;

/** A cluster of three nodes and one pool, and whoever controls it. */
class World {
  readonly fake = new FakeCluster();
  readonly services = this.fake.serve();
  writes = 0;
  #reconciler: Reconciler;
  /** The controller ends before this write; Infinity: it does not. */
  #endsBefore = Number.POSITIVE_INFINITY;
  /** Services, as they were before they were last told of. */
  #earlier: readonly FollowedService[] = [];
  /** By uid of a load balancer: the address that it published first. */
  readonly #first = new Map<string, string>();
  /** By name: the address that a Service of this name had last. */
  readonly last = new Map<string, string>();

  constructor() {
    this.fake.addNodes('a', 'b', 'c');
    this.openPool(true);
    this.#reconciler = this.fake.reconciler();
    this.fake.onWrite = () => {
      this.writes += 1;
      if (this.writes < this.#endsBefore) return;
      this.fake.term?.end();
      throw new Error('the controller has ended');
    };
  }

  /** @param writes after how many more the controller ends */
  endAfter(writes: number): void {
    this.#endsBefore = this.writes + writes + 1;
  }

  openPool(open: boolean): void {
    const spec = { ranges: [{ cidr: RANGE }], services: { disabled: !open } };
    const known = this.fake.caches.pools.get('web');
    this.fake.putPool(known === undefined ? poolOf('web', [], { spec }) : { ...known, spec });
  }

  /** Another controller takes over. It listed claims now, and Services some time ago. */
  restart(): void {
    this.#endsBefore = Number.POSITIVE_INFINITY;
    this.fake.term?.end();
    this.fake.term = new FakeTerm();
    this.services.restart();
    this.services.caches.services.replace(this.#earlier, this.services.caches.services.changes);
    this.#reconciler = this.fake.reconciler();
  }

  /** The controller hears of everything, or of one kind alone. */
  tell(of?: 'services' | 'claims'): void {
    if (of !== 'claims') this.#earlier = this.services.caches.services.list();
    this.services.deliver(of);
  }

  /** One run, of a controller that may end in it; then another takes over. @returns milliseconds until the next is due */
  async run(): Promise<number | undefined> {
    this.fake.reportAll();
    try {
      return await this.#reconciler.run();
    } catch (error) {
      if (this.fake.term?.holds() === true) throw error;
      return 0;
    } finally {
      if (this.fake.term?.holds() !== true) this.restart();
      this.expectSafe();
    }
  }

  /** Runs until nothing is written any more. */
  async settle(): Promise<void> {
    for (let runs = 0; runs < 80; runs += 1) {
      const before = this.writes;
      this.tell();
      const againMs = await this.run();
      if (againMs !== undefined && againMs <= 1000) await this.fake.time.advance(againMs);
      else if (this.writes === before) return;
    }
    throw new Error(`does not settle: ${this.fake.written.slice(-10).join(', ')}`);
  }

  /** What holds at any moment: no address is published twice, and nobody who lives loses one, or gets another. */
  expectSafe(): void {
    const living = [...this.services.services.values()].filter(
      ({ metadata, type }) => type === 'LoadBalancer' && !metadata.deleting,
    );
    const published = living.flatMap(({ metadata: { name, uid }, ingress }) =>
      ingress.map(({ ip = '' }) => ({ name, uid, ip })),
    );
    for (const { name, uid, ip } of published) {
      const owners = this.services.claims.get(ip)?.spec.owners.map((owner) => owner.uid);
      expect([name, owners]).toEqual([name, [uid]]);
    }
    expect(new Set(published.map(({ ip }) => ip)).size).toBe(published.length);
    for (const { spec } of this.fake.caches.plans.list()) {
      const planned = spec.instances.flatMap(({ addresses }) => addresses);
      expect(new Set(planned).size).toBe(planned.length);
    }
    for (const { name, uid, ip } of published) {
      expect([name, ip]).toEqual([name, this.#first.get(uid) ?? ip]);
      this.#first.set(uid, ip);
    }
  }

  /** Who becomes a load balancer again may get another address. */
  forget(name: string): void {
    this.#first.delete(this.services.service(name).metadata.uid);
  }

  /** What holds at rest: each load balancer has a claim, publishes it, and one node holds it; of others nothing is left. */
  expectOrder(): void {
    const all = [...this.services.services.values()];
    const balancers = all.filter(({ type }) => type === 'LoadBalancer');
    const owned = [...this.services.claims.values()].flatMap(({ spec }) =>
      spec.owners.map(({ name, uid }) => `${name} ${uid} ${spec.address}`),
    );
    const published = all.flatMap(({ metadata: { name, uid }, ingress }) =>
      ingress.map(({ ip = '' }) => `${name} ${uid} ${ip}`),
    );
    expect(owned.toSorted()).toEqual(published.toSorted());
    expect(published).toHaveLength(balancers.length);
    for (const { metadata, ingress, externalTrafficPolicy } of balancers) {
      const { ip = '' } = ingress[0] ?? {};
      expect([metadata.name, ip]).toEqual([metadata.name, this.last.get(metadata.name) ?? ip]);
      this.last.set(metadata.name, ip);
      expect(this.#holders(ip)).toHaveLength(1);
      this.#expectOneInstance(ip, externalTrafficPolicy === 'Local');
    }
    const finalized = all.filter(({ metadata }) => metadata.finalizers.length > 0).map(({ metadata }) => metadata.name);
    expect(finalized.toSorted()).toEqual(balancers.map(({ metadata }) => metadata.name).toSorted());
    expect(all.filter(({ metadata }) => metadata.deleting)).toEqual([]);
  }

  #expectOneInstance(address: string, isLocal: boolean): void {
    const all = this.fake.caches.plans.list().flatMap(({ spec }) => spec.instances);
    const pools = all.flatMap(({ pool, addresses }) => (addresses.includes(address) ? [pool] : []));
    expect(new Set(pools).size).toBe(1);
    expect(pools.every((pool) => LOCAL_POOL.test(pool))).toBe(isLocal);
  }

  #holders(address: string): string[] {
    const plans = this.fake.caches.plans.list();
    const holding = plans.filter(({ status }) => (status?.held ?? []).some((each) => each.address === address));
    return holding.map(({ metadata }) => metadata.name);
  }
}

function becomes(world: World, name: string, type: 'ClusterIP' | 'LoadBalancer'): void {
  const balancer = type === 'LoadBalancer';
  // The API server takes the status off what is no load balancer any more.
  const ingress = balancer ? {} : { ingress: [] };
  world.services.change(name, { type, loadBalancerClass: balancer ? CLASS : undefined, ...ingress });
  world.forget(name);
}

/** Between Local, of which kube-proxy tells at a port of the Service's own, and Cluster. */
function changePolicy({ services }: World, { metadata: { name }, externalTrafficPolicy }: FollowedService): void {
  const local = { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } as const;
  const cluster = { externalTrafficPolicy: 'Cluster', healthCheckNodePort: undefined } as const;
  services.change(name, externalTrafficPolicy === 'Local' ? cluster : local);
}

/** Everything that users do. */
const LIFE: readonly ((world: World) => void)[] = [
  ({ services }) => services.create('rival'),
  ({ services }) => services.create('ui'),
  ({ services }) => services.delete('ui'),
  (world) => changePolicy(world, world.services.service('rival')),
  ({ services }) => services.create('other'),
  ({ services }) => services.create('ui'),
  (world) => becomes(world, 'rival', 'ClusterIP'),
];

async function live(endsAfter: number): Promise<World> {
  const world = new World();
  world.endAfter(endsAfter);
  for (const step of LIFE) {
    step(world);
    await world.settle();
    world.expectOrder();
  }
  return world;
}

/** One thing that happens. What makes no sense then, does nothing. */
type Step =
  | { readonly what: 'create' | 'delete' | 'toggle' | 'policy'; readonly name: (typeof NAMES)[number] }
  | { readonly what: 'pool'; readonly open: boolean }
  | { readonly what: 'tell'; readonly of: 'services' | 'claims' }
  | { readonly what: 'end'; readonly writes: number }
  | { readonly what: 'run' };

const anyName = fc.constantFrom(...NAMES);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('create' as const), name: anyName }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('delete' as const), name: anyName }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('toggle' as const), name: anyName }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('policy' as const), name: anyName }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('pool' as const), open: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('tell' as const), of: fc.constantFrom('services', 'claims') }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('end' as const), writes: fc.nat(6) }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('run' as const) }) },
);

function changeService(world: World, { what, name }: Extract<Step, { name: string }>): void {
  const known = world.services.services.get(`shop/${name}`);
  if (what === 'create') {
    if (known === undefined) world.services.create(name);
  } else if (known === undefined || known.metadata.deleting) return;
  else if (what === 'delete') world.services.delete(name);
  else if (what === 'policy') changePolicy(world, known);
  else becomes(world, name, known.type === 'LoadBalancer' ? 'ClusterIP' : 'LoadBalancer');
}

async function take(world: World, step: Step): Promise<void> {
  if (step.what === 'pool') world.openPool(step.open);
  else if (step.what === 'tell') world.tell(step.of);
  else if (step.what === 'end') world.endAfter(step.writes);
  else if (step.what === 'run') await world.run();
  else changeService(world, step);
}

describe('a controller that ends between two writes', () => {
  it('has given no address twice, leaked none and renumbered nobody, whichever two they are', async () => {
    const { writes } = await live(Number.POSITIVE_INFINITY);
    expect(writes).toBeGreaterThan(30);
    for (let endsAfter = 0; endsAfter < writes; endsAfter += 1) await live(endsAfter);
  }, 60_000);
});

describe('controllers that end at any time, and hear of some things later than of others', () => {
  it('publish no address twice, renumber nobody, and leave everything in order', async () => {
    const life = fc.array(anyStep, { minLength: 10, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(life, async (steps) => {
        const world = new World();
        for (const step of steps) await take(world, step);
        world.openPool(true);
        await world.settle();
        world.last.clear();
        world.expectOrder();
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});
