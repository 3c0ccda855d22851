import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import type { ClusterFaultName } from '../cluster/fault-names.ts';

/** Something that happens to a Service: `renew` deletes it and makes it anew. Or to the ranges of the pool of Services. */
export type ServiceStrike =
  | {
      readonly atMs: number;
      readonly service: 'create' | 'delete' | 'renew' | 'to ClusterIP' | 'to balancer';
      readonly name: string;
    }
  | { readonly atMs: number; readonly pool: 'widen' | 'narrow' };

/** A fault of a round, an edit of the pool, or something that happens to Services. */
export type Strike =
  | { readonly atMs: number; readonly fault: ClusterFaultName; readonly node: string }
  | { readonly atMs: number; readonly edit: 'add' | 'remove'; readonly address: string }
  | ServiceStrike;

/** Some faults at about the same time, the time until they are repaired, and a pause. All of it follows from the seed. */
export interface Round {
  /** From 1. */
  readonly number: number;
  /** In the order of their moments, in milliseconds after the round's beginning. */
  readonly strikes: readonly Strike[];
  /** From the last strike to the repair. */
  readonly holdMs: number;
  /** From the moment at which all is well again to the next round. */
  readonly pauseMs: number;
}

/** What there is to disturb. */
export interface Scene {
  /** Names of the nodes that hold addresses. */
  readonly nodes: readonly string[];
  /** A machine whose API server can be stopped. */
  readonly controlPlane: string;
  /** Addresses that edits add to the pool and remove again. */
  readonly spare: readonly string[];
  /** Names of Services that come and go; absent: there are none. */
  readonly services?: readonly string[];
}

/** Faults that make a node lose its addresses at once. Of these there is one fewer in a round than there are nodes: somebody must serve. */
const HEAVY: readonly ClusterFaultName[] = [
  'link-cut',
  'switch-cut',
  'node-freeze',
  'ingress-crash',
  'keepalived-kill',
];
/** Faults that leave the service as it is. */
const LIGHT: readonly ClusterFaultName[] = ['kubelet-stop', 'sidecar-kill', 'sidecar-hang'];
/** Faults of what stands above the nodes. */
const CENTRAL: readonly ClusterFaultName[] = ['apiserver-stop', 'controller-kill'];

const SPREAD_MS = 2500;
const HOLD_MS = { from: 2000, to: 9000 } as const;
/** Longer than a kubelet may be away before that counts, and than an API may be. */
const LONG_HOLD_MS = { from: 28_000, to: 36_000 } as const;
const PAUSE_MS = { from: 500, to: 3000 } as const;
/** One round in so many is a long one. */
const LONG_EVERY = 6;
const MOST_FAULTS = 3;
/** Services that something happens to in one round. */
const MOST_SERVICES = 3;
/** One round in so many widens their pool, or narrows it again. */
const POOL_EVERY = 3;

class Dice {
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  between({ from, to }: { readonly from: number; readonly to: number }): number {
    return uniformInt(this.#generator, from, to);
  }

  oneIn(count: number): boolean {
    return this.between({ from: 1, to: count }) === 1;
  }

  /** @throws Error when there is nothing to take. */
  take<T>(from: T[]): T {
    const [taken] = from.splice(this.between({ from: 0, to: from.length - 1 }), 1);
    if (taken === undefined) throw new Error('there is nothing left to take');
    return taken;
  }
}

/** The rounds that a seed stands for; there is always one more. */
export class Schedule {
  readonly #scene: Scene;
  readonly #dice: Dice;
  /** Spare addresses that are in the pool. */
  readonly #added = new Set<string>();
  /** What became of Services, by name; absent: it is not there. */
  readonly #services = new Map<string, 'balancer' | 'plain'>();
  #wide = false;
  #number = 0;

  /** @param seed a whole number; the same one gives the same rounds */
  constructor(seed: number, scene: Scene) {
    this.#dice = new Dice(seed);
    this.#scene = scene;
  }

  /** The next round. */
  next(): Round {
    this.#number += 1;
    const edits = [...this.#edits(), ...this.#ofServices()];
    const faults = this.#faults();
    return {
      number: this.#number,
      strikes: [...edits, ...faults].toSorted((a, b) => a.atMs - b.atMs),
      holdMs: this.#dice.between(this.#dice.oneIn(LONG_EVERY) ? LONG_HOLD_MS : HOLD_MS),
      pauseMs: this.#dice.between(PAUSE_MS),
    };
  }

  #moment(): number {
    return this.#dice.between({ from: 0, to: SPREAD_MS });
  }

  /** Edits come before an API server goes: afterwards nobody could make them. */
  #edits(): Strike[] {
    if (this.#scene.spare.length === 0 || !this.#dice.oneIn(2)) return [];
    const address = this.#dice.take([...this.#scene.spare]);
    const edit = this.#added.delete(address) ? 'remove' : 'add';
    if (edit === 'add') this.#added.add(address);
    return [{ atMs: 0, edit, address }];
  }

  /** As edits: what an API server that is away would refuse comes before. A controller that is killed may be about it still. */
  #ofServices(): Strike[] {
    const names = [...(this.#scene.services ?? [])];
    if (names.length === 0) return [];
    const count = this.#dice.between({ from: 1, to: Math.min(MOST_SERVICES, names.length) });
    const strikes: Strike[] = Array.from({ length: count }, () => this.#ofService(this.#dice.take(names)));
    if (!this.#dice.oneIn(POOL_EVERY)) return strikes;
    this.#wide = !this.#wide;
    return [...strikes, { atMs: 0, pool: this.#wide ? 'widen' : 'narrow' }];
  }

  #ofService(name: string): Strike {
    const kind = this.#services.get(name);
    if (kind === undefined) {
      this.#services.set(name, 'balancer');
      return { atMs: 0, service: 'create', name };
    }
    if (kind === 'plain') {
      this.#services.set(name, 'balancer');
      return { atMs: 0, service: 'to balancer', name };
    }
    const service = this.#dice.take<'delete' | 'renew' | 'to ClusterIP'>(['delete', 'renew', 'to ClusterIP']);
    if (service === 'delete') this.#services.delete(name);
    if (service === 'to ClusterIP') this.#services.set(name, 'plain');
    return { atMs: 0, service, name };
  }

  #faults(): Strike[] {
    const nodes = [...this.#scene.nodes];
    const kinds = [...HEAVY, ...LIGHT, ...CENTRAL];
    const count = this.#dice.between({ from: 1, to: MOST_FAULTS });
    const strikes: Strike[] = [];
    let heavy = 0;
    while (strikes.length < count) {
      const fault = this.#dice.take(kinds);
      const node = this.#nodeFor(fault, nodes);
      if (node === undefined || (HEAVY.includes(fault) && heavy + 1 >= this.#scene.nodes.length)) continue;
      heavy += Number(HEAVY.includes(fault));
      strikes.push({ atMs: this.#moment(), fault, node });
    }
    return strikes;
  }

  /** A node that nothing else happens to; undefined when there is none left. */
  #nodeFor(fault: ClusterFaultName, nodes: string[]): string | undefined {
    if (fault === 'apiserver-stop') return this.#scene.controlPlane;
    // Where the leader runs is not the seed's doing: the first node stands for it.
    if (fault === 'controller-kill') return this.#scene.nodes[0];
    return nodes.length === 0 ? undefined : this.#dice.take(nodes);
  }
}
