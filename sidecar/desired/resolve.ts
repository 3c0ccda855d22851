import { InstanceError, type InstanceWish, OwnAddressError, type VrrpInstance } from '../keepalived/instance.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { Placement, ResolveContext } from './placement.ts';
import { objectionTo, type ResolvedWish, resolveInstance } from './resolve-instance.ts';
import { SETTINGS_INSTANCE } from './wishes.ts';

/** Why an instance cannot run on this node as it is asked for, or what it lacks while it runs. */
export interface InstanceProblem {
  readonly instance: string;
  readonly message: string;
}

/** An instance with the wish that it came from. */
export interface ResolvedInstance {
  readonly wish: InstanceWish;
  readonly instance: VrrpInstance;
}

/** What comes of all wishes. */
export interface Resolved {
  readonly instances: readonly ResolvedInstance[];
  readonly problems: readonly InstanceProblem[];
  /** Where the parts of each wished instance were found, also of those that cannot run at the moment. */
  readonly placements: ReadonlyMap<string, Placement>;
  /** Names of instances of which this node cannot carry every address at the moment. */
  readonly incomplete: ReadonlySet<string>;
}

interface ResolveOptions extends Omit<ResolveContext, 'before'> {
  /** What ran before, by name. */
  readonly before: ReadonlyMap<string, ResolvedInstance>;
  /** Where things were found before, by the instance's name. */
  readonly placements: ReadonlyMap<string, Placement>;
}

/** What the instances before have taken already; keepalived refuses a configuration that has it twice. */
class Taken {
  readonly #by = new Map<string, string>();

  take({ name, addresses, interface: on, virtualRouterId }: VrrpInstance, { fields }: InstanceWish): void {
    const routerId = `router id ${virtualRouterId} on ${on}`;
    const wanted = [routerId, ...addresses.map(({ address }) => address)];
    for (const one of wanted) {
      const owner = this.#by.get(one);
      if (owner !== undefined) throw new InstanceError(`${fields.addresses}: ${one} is already used by ${owner}`);
    }
    for (const one of wanted) this.#by.set(one, name);
  }
}

/** keepalived refuses a configuration with an interface that is not there; a node's own address it would take off in the end. */
function canGoOn({ instance }: ResolvedInstance, subnets: NodeSubnets): boolean {
  const there = [instance, ...instance.addresses].every(({ interface: on }) => subnets.interface(on) !== undefined);
  return there && instance.addresses.every(({ address }) => subnets.ownerOf(address) === undefined);
}

/**
 * What to go on with while a wish cannot be carried out: what ran, if the same was wished then. The instance of the settings goes on
 * whatever is wished now; an address of a pool may meanwhile have been given to another instance or node.
 */
function lastGood(
  wish: InstanceWish,
  before: ResolvedInstance | undefined,
  subnets: NodeSubnets,
  why: InstanceError,
): ResolvedInstance | undefined {
  if (before === undefined || !canGoOn(before, subnets)) return undefined;
  const same = JSON.stringify(before.wish) === JSON.stringify(wish);
  // That another node turned out to have an address speaks against what ran as well.
  if (same && why instanceof OwnAddressError) return undefined;
  return same || wish.name === SETTINGS_INSTANCE ? before : undefined;
}

/** What the node runs instead, where it is itself that has the address. */
function objection(
  wish: InstanceWish,
  subnets: NodeSubnets,
  context: ResolveContext,
  why: InstanceError,
): ResolvedInstance | undefined {
  if (!(why instanceof OwnAddressError && why.here)) return undefined;
  const instance = objectionTo(wish, subnets, context);
  return instance && { wish, instance };
}

/** Collects what comes of the wishes, one by one. */
class Resolution implements Resolved {
  readonly instances: ResolvedInstance[] = [];
  readonly problems: InstanceProblem[] = [];
  readonly placements = new Map<string, Placement>();
  readonly incomplete = new Set<string>();
  readonly #taken = new Taken();

  add(wish: InstanceWish, { instance, placement, shortcomings }: ResolvedWish): void {
    this.#run({ wish, instance });
    this.placements.set(wish.name, placement);
    for (const { message } of shortcomings) this.problems.push({ instance: wish.name, message });
    if (shortcomings.some(({ incomplete }) => incomplete)) this.incomplete.add(wish.name);
  }

  /** @param placed where it was found before, and is to be found when it can be carried out again */
  refuse({ name }: InstanceWish, message: string, placed: Placement | undefined): void {
    this.problems.push({ instance: name, message });
    if (placed !== undefined) this.placements.set(name, placed);
  }

  /** Runs something else than what is wished, unless another instance has taken what it needs. */
  keep(kept: ResolvedInstance): void {
    try {
      this.#run(kept);
    } catch (error) {
      if (!(error instanceof InstanceError)) throw error;
    }
  }

  #run(resolved: ResolvedInstance): void {
    this.#taken.take(resolved.instance, resolved.wish);
    this.instances.push(resolved);
  }
}

/** Resolves wishes one by one: what cannot be carried out makes its own instance fall out and no other. Pure. */
export function resolveAll(
  wishes: readonly InstanceWish[],
  subnets: NodeSubnets,
  { before, placements, ...options }: ResolveOptions,
): Resolved {
  const resolution = new Resolution();
  for (const wish of wishes) {
    const placed = placements.get(wish.name);
    try {
      resolution.add(wish, resolveInstance(wish, subnets, { ...options, before: placed }));
    } catch (error) {
      if (!(error instanceof InstanceError)) throw error;
      resolution.refuse(wish, error.message, placed);
      const instead =
        objection(wish, subnets, { ...options, before: placed }, error) ??
        lastGood(wish, before.get(wish.name), subnets, error);
      if (instead !== undefined) resolution.keep(instead);
    }
  }
  return resolution;
}
