import { InstanceError, type InstanceWish, resolveInstance, type VrrpInstance } from './instance.ts';
import type { NodeSubnets } from './node-subnets.ts';
import { SETTINGS_INSTANCE } from './wishes.ts';

/** Why an instance cannot run on this node as it is asked for. */
export interface InstanceProblem {
  readonly instance: string;
  readonly message: string;
}

/** An instance with the wish that it came from. */
export interface ResolvedInstance {
  readonly wish: InstanceWish;
  readonly instance: VrrpInstance;
}

interface Resolved {
  readonly instances: readonly ResolvedInstance[];
  readonly problems: readonly InstanceProblem[];
}

interface ResolveOptions {
  readonly nodeAddress: string;
  readonly authPassword: string | undefined;
  /** What ran before, by name. */
  readonly before: ReadonlyMap<string, ResolvedInstance>;
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

/** keepalived refuses a configuration with an interface that is not there. */
function hasInterfaces({ instance }: ResolvedInstance, { network }: NodeSubnets): boolean {
  const present = new Set(network.interfaces.map(({ name }) => name));
  return [instance, ...instance.addresses].every(({ interface: on }) => present.has(on));
}

/**
 * What to go on with while a wish cannot be carried out: what ran, if the same was wished then. The instance of the settings goes on
 * whatever is wished now; an address of a pool may meanwhile have been given to another instance or node.
 */
function lastGood(
  wish: InstanceWish,
  before: ResolvedInstance | undefined,
  subnets: NodeSubnets,
): ResolvedInstance | undefined {
  if (before === undefined || !hasInterfaces(before, subnets)) return undefined;
  const same = JSON.stringify(before.wish) === JSON.stringify(wish);
  return same || wish.name === SETTINGS_INSTANCE ? before : undefined;
}

/** Resolves wishes one by one: what cannot be carried out makes its own instance fall out and no other. Pure. */
export function resolveAll(
  wishes: readonly InstanceWish[],
  subnets: NodeSubnets,
  { before, ...options }: ResolveOptions,
): Resolved {
  const instances: ResolvedInstance[] = [];
  const problems: InstanceProblem[] = [];
  const taken = new Taken();
  const add = (resolved: ResolvedInstance) => {
    taken.take(resolved.instance, resolved.wish);
    instances.push(resolved);
  };
  for (const wish of wishes) {
    try {
      add({ wish, instance: resolveInstance(wish, subnets, options) });
    } catch (error) {
      if (!(error instanceof InstanceError)) throw error;
      problems.push({ instance: wish.name, message: error.message });
      const kept = lastGood(wish, before.get(wish.name), subnets);
      if (kept !== undefined) attempt(() => add(kept));
    }
  }
  return { instances, problems };
}

/** Does it, unless another instance has taken what it needs meanwhile. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof InstanceError)) throw error;
  }
}
