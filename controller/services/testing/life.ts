import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import type { VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import type { LoadBalancerService } from '../types.ts';
import { type DecisionGuard, FakeController, type Kind } from './controller.ts';
import { asking, pool } from './scenes.ts';
import type { World } from './world.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const NAMESPACES = ['default', 'other'] as const;
const POOLS = ['one', 'two', 'three'] as const;
const KINDS: readonly Kind[] = ['services', 'claims', 'pools'];
const HOUR_MS = 3_600_000;
/** Addresses of this many last bytes are asked for by name, and are in ranges. */
const MOST_BYTE = 9;
const RANGES: readonly NonNullable<VirtualIpPoolSpec['ranges']>[] = [
  [{ first: '10.0.0.1', last: '10.0.0.4' }],
  [{ first: '10.0.0.3', last: '10.0.0.8' }, { cidr: 'fd00::/125' }],
  [
    { first: '10.0.0.5', last: '10.0.0.6' },
    { first: 'fd00::1', last: 'fd00::3' },
  ],
  [{ cidr: 'fd00::/125' }],
];
const RULES: readonly NonNullable<VirtualIpPoolSpec['services']>[] = [
  {},
  { retainSeconds: 0 },
  { retainSeconds: 600, sharing: 'AnyNamespace' },
  { disabled: true },
  { autoAssign: false },
  { namespaces: ['default'], sharing: 'Never' },
  { namespaces: ['other'], fence: true },
  { priority: 10 },
];
const FAMILIES: readonly Pick<LoadBalancerService, 'ipFamilies' | 'ipFamilyPolicy'>[] = [
  { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
  { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' },
  { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' },
  { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' },
];

/** Chooses by a seed. */
class Chance {
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  upTo(most: number): number {
    return uniformInt(this.#generator, 0, most);
  }

  oneOf<T>(items: readonly [T, ...T[]] | readonly T[]): T {
    return items[this.upTo(items.length - 1)] as T;
  }

  oneIn(times: number): boolean {
    return this.upTo(times - 1) === 0;
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.upTo(1_000_000) }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}

/** What happens in a cluster: users do something, and two controllers, one of which knows only old news, decide and die. */
export class Life {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #fresh: FakeController;
  readonly #stale: FakeController;
  #made = 0;

  constructor(world: World, guard: DecisionGuard, seed: number) {
    this.#world = world;
    this.#chance = new Chance(seed);
    const dependencies = { world, guard, shuffle: <T>(items: readonly T[]) => this.#chance.shuffled(items) };
    this.#fresh = new FakeController(dependencies);
    this.#stale = new FakeController(dependencies);
  }

  /** Something happens. @returns what, for people */
  step(): string {
    const user: readonly (() => string)[] = [
      () => this.#create(),
      () => this.#create(),
      () => this.#delete(),
      () => this.#edit(),
      () => this.#pool(),
      () => this.#clock(),
      () => this.#unavailable(),
    ];
    if (this.#chance.oneIn(2)) return this.#chance.oneOf(user)();
    return this.#chance.oneIn(3) ? this.#runStale() : this.#runFresh();
  }

  /** Controllers run until nothing is left to do. */
  settle(): void {
    for (let run = 0; run < NAMES.length * NAMESPACES.length * 2; run++) {
      this.#fresh.learn(...KINDS);
      if (this.#fresh.run() === 0) return;
    }
    throw new Error('controllers go on and on');
  }

  #runFresh(): string {
    this.#fresh.learn(...KINDS);
    const most = this.#chance.oneIn(2) ? this.#chance.upTo(6) : Number.POSITIVE_INFINITY;
    return `the controller runs, and dies after ${this.#fresh.run(most)} writes`;
  }

  #runStale(): string {
    if (this.#chance.oneIn(2)) this.#stale.learn(this.#chance.oneOf(KINDS));
    return `one with old news runs, and dies after ${this.#stale.run(this.#chance.upTo(6))} writes`;
  }

  #create(): string {
    const namespace = this.#chance.oneOf(NAMESPACES);
    const name = this.#chance.oneOf(NAMES);
    if (this.#world.named(namespace, name) !== undefined) return `${namespace}/${name} is there already`;
    this.#made++;
    const families = this.#chance.oneOf(FAMILIES);
    const service = asking(name, this.#wishes(families), {
      ...families,
      metadata: { namespace, uid: `${namespace}-${name}-${this.#made}`, createdMs: this.#world.nowMs },
      ports: this.#ports(),
      ...this.#externalIPs(),
      ...(this.#chance.oneIn(6) ? { type: 'ClusterIP', loadBalancerClass: undefined } : {}),
      // Another load balancer was there before.
      ingress: this.#chance.oneIn(8) ? [{ ip: this.#address(4) }] : [],
    });
    this.#world.putService(service);
    return `${namespace}/${name} is created`;
  }

  #delete(): string {
    const service = this.#service();
    if (service === undefined) return 'nothing to delete';
    // Somebody takes finalizers off by hand.
    if (this.#chance.oneIn(5)) this.#world.services.delete(service.metadata.uid);
    else this.#world.deleteService(service);
    return `${service.metadata.uid} is deleted`;
  }

  #edit(): string {
    const service = this.#service();
    if (service === undefined || service.metadata.deleting) return 'nothing to edit';
    const families = this.#chance.oneOf(FAMILIES);
    const isBalancer = service.type === 'LoadBalancer';
    const edits: readonly Partial<LoadBalancerService>[] = [
      { annotations: asking('x', this.#wishes(service)).annotations },
      families,
      { ports: this.#ports() },
      this.#externalIPs(),
      { externalTrafficPolicy: this.#chance.oneOf(['Cluster', 'Local'] as const) },
      isBalancer ? { type: 'ClusterIP', loadBalancerClass: undefined } : asking('x', {}),
    ];
    const edit = this.#chance.oneOf(edits);
    const { type, loadBalancerClass } = { ...service, ...edit };
    const changed = 'metadata' in edit ? { type, loadBalancerClass } : edit;
    this.#world.putService({ ...service, ...changed });
    return `${service.metadata.uid} is edited: ${Object.keys(changed).join()}`;
  }

  #pool(): string {
    const name = this.#chance.oneOf(POOLS);
    const before = this.#world.pools.get(name);
    if (before !== undefined && this.#chance.oneIn(6)) {
      this.#world.pools.delete(name);
      return `pool ${name} is gone`;
    }
    const spec = { ranges: [...this.#chance.oneOf(RANGES)], services: this.#chance.oneOf(RULES) };
    const kept = before !== undefined && this.#chance.oneIn(2) ? { ...spec, ranges: before.spec.ranges } : spec;
    const createdMs = before?.createdMs ?? this.#world.nowMs;
    const deleting = before?.deleting === true || (before !== undefined && this.#chance.oneIn(8));
    this.#world.pools.set(name, pool(name, kept, { createdMs, deleting }));
    return `pool ${name} is another`;
  }

  #clock(): string {
    this.#world.nowMs += this.#chance.oneIn(3) ? -this.#chance.upTo(HOUR_MS) : this.#chance.upTo(2 * HOUR_MS);
    return 'the clock is set';
  }

  #unavailable(): string {
    const address = this.#address(4);
    if (!this.#world.unavailable.delete(address) && this.#chance.oneIn(3)) {
      this.#world.unavailable.set(address, 'is an address of node n1 itself');
    }
    return `${address} is a node's, or not any more`;
  }

  #service(): LoadBalancerService | undefined {
    const services = [...this.#world.services.values()];
    return services.length === 0 ? undefined : this.#chance.oneOf(services);
  }

  #ports(): LoadBalancerService['ports'] {
    return [{ protocol: this.#chance.oneOf(['TCP', 'UDP']), port: this.#chance.oneOf([80, 443]) }];
  }

  #address(family: 4 | 6): string {
    const byte = 1 + this.#chance.upTo(MOST_BYTE - 1);
    return family === 4 ? `10.0.0.${byte}` : `fd00::${byte}`;
  }

  #externalIPs(): Pick<LoadBalancerService, 'externalIPs'> {
    if (!this.#chance.oneIn(3)) return { externalIPs: [] };
    return {
      externalIPs: [this.#address(this.#chance.oneOf([4, 4, 6])), ...(this.#chance.oneIn(3) ? ['192.0.2.1'] : [])],
    };
  }

  #wishes({ ipFamilies }: Pick<LoadBalancerService, 'ipFamilies'>): Record<string, string> {
    const wishes: Record<string, string> = {};
    if (this.#chance.oneIn(3)) {
      const families = this.#chance.shuffled(ipFamilies).slice(0, 1 + this.#chance.upTo(1));
      wishes.addresses = families.map((family) => this.#address(family === 'IPv4' ? 4 : 6)).join();
    }
    if (this.#chance.oneIn(3)) wishes.share = this.#chance.oneOf(['k', 'l']);
    if (this.#chance.oneIn(6)) wishes.pool = this.#chance.oneOf(POOLS);
    if (this.#chance.oneIn(6)) wishes['addresses-per-family'] = '2';
    if (this.#chance.oneIn(6)) wishes.retain = this.#chance.oneOf(['0', '60', '5000']);
    if (this.#chance.oneIn(20)) wishes.addresses = 'nonsense';
    return wishes;
  }
}
