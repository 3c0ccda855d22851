import { Claims } from '../../common/claims.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { DesiredInstance, Shown } from './desired.ts';
import type { Placement, ResolveContext } from './placement.ts';
import { type Outcome, objectionTo, resolveInstance } from './resolve-instance.ts';
import { InstanceError, OwnAddressError, type VrrpInstance } from './vrrp-instance.ts';

/** Why an instance cannot run on this node as it is asked for, or what it lacks while it runs. */
export interface InstanceProblem {
  readonly instance: string;
  readonly message: string;
  /** Where the instance is shown, and so its problems. */
  readonly shown: Shown;
}

/** An instance with the desired one that it came from. */
export interface ResolvedInstance {
  readonly desired: DesiredInstance;
  readonly instance: VrrpInstance;
}

/** What comes of all desired instances. */
export interface Resolved {
  readonly instances: readonly ResolvedInstance[];
  readonly problems: readonly InstanceProblem[];
  /** Where the parts of each desired instance were found, also of those that cannot run at the moment. */
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

/** Claims what keepalived accepts once in a configuration. @throws {InstanceError} when another instance has it */
function claim(
  claims: Claims,
  { name, addresses, interface: on, virtualRouterId }: VrrpInstance,
  { vrrp: { fields } }: DesiredInstance,
): void {
  const routerId = `router id ${virtualRouterId} on ${on}`;
  const conflict = claims.claim([routerId, ...addresses.map(({ address }) => address)], name);
  if (conflict === undefined) return;
  throw new InstanceError(`${fields.addresses}: ${conflict.key} is already used by ${conflict.owner}`);
}

/** keepalived refuses a configuration with an interface that is not there; a node's own address it would take off in the end. */
function canGoOn({ instance }: ResolvedInstance, subnets: NodeSubnets): boolean {
  const there = [instance, ...instance.addresses].every(({ interface: on }) => subnets.interface(on) !== undefined);
  return there && instance.addresses.every(({ address }) => subnets.ownerOf(address) === undefined);
}

/** What runs while an instance cannot be run as it is desired: what ran before, if the same was desired then or it keeps its last good form. */
function lastGood(
  desired: DesiredInstance,
  before: ResolvedInstance | undefined,
  subnets: NodeSubnets,
  why: InstanceError,
): ResolvedInstance | undefined {
  if (before === undefined || !canGoOn(before, subnets)) return undefined;
  const same = JSON.stringify(before.desired.vrrp) === JSON.stringify(desired.vrrp);
  // That another node turned out to have an address speaks against what ran as well.
  if (same && why instanceof OwnAddressError) return undefined;
  return same || desired.keepsLastGood ? before : undefined;
}

/** The instance that the node runs instead where it has the address itself. */
function objection(
  desired: DesiredInstance,
  subnets: NodeSubnets,
  context: ResolveContext,
  why: InstanceError,
): ResolvedInstance | undefined {
  if (!(why instanceof OwnAddressError && why.here)) return undefined;
  const instance = objectionTo(desired, subnets, context);
  return instance && { desired, instance };
}

/** Collects what comes of the desired instances, one by one. */
class Resolution implements Resolved {
  readonly instances: ResolvedInstance[] = [];
  readonly problems: InstanceProblem[] = [];
  readonly placements = new Map<string, Placement>();
  readonly incomplete = new Set<string>();
  readonly #claims = new Claims();

  add(desired: DesiredInstance, { instance, placement, shortcomings }: Outcome): void {
    this.#run({ desired, instance });
    this.placements.set(desired.name, placement);
    for (const { message } of shortcomings) this.#report(desired, message);
    if (shortcomings.some(({ incomplete }) => incomplete)) this.incomplete.add(desired.name);
  }

  /** @param placed where it was found before, and is to be found when it can be carried out again */
  refuse(desired: DesiredInstance, message: string, placed: Placement | undefined): void {
    this.#report(desired, message);
    if (placed !== undefined) this.placements.set(desired.name, placed);
  }

  /** Runs something else than what is desired, unless another instance has claimed what it needs. */
  keep(kept: ResolvedInstance): void {
    try {
      this.#run(kept);
    } catch (error) {
      if (!(error instanceof InstanceError)) throw error;
    }
  }

  #report({ name, shown, vrrp }: DesiredInstance, message: string): void {
    // Of what has no address nobody misses anything.
    if (vrrp.like !== undefined) return;
    this.problems.push({ instance: name, message, shown });
  }

  #run(resolved: ResolvedInstance): void {
    claim(this.#claims, resolved.instance, resolved.desired);
    this.instances.push(resolved);
  }
}

/** Resolves instances one by one, in their order: one that cannot be carried out is left out and affects no other. Pure. */
export function resolveAll(
  instances: readonly DesiredInstance[],
  subnets: NodeSubnets,
  { before, placements, ...options }: ResolveOptions,
): Resolved {
  const resolution = new Resolution();
  for (const desired of instances) {
    const placed = placements.get(desired.name);
    try {
      resolution.add(desired, resolveInstance(desired, subnets, { ...options, before: placed }));
    } catch (error) {
      if (!(error instanceof InstanceError)) throw error;
      resolution.refuse(desired, error.message, placed);
      const instead =
        objection(desired, subnets, { ...options, before: placed }, error) ??
        lastGood(desired, before.get(desired.name), subnets, error);
      if (instead !== undefined) resolution.keep(instead);
    }
  }
  return resolution;
}
