import type { DesiredInstance, Shown } from '../desired/desired.ts';
import type { InstanceProblem } from '../desired/resolve.ts';
import type { Fitness } from '../fitness/fitness.ts';
import type { HolderState } from '../keepalived/holder.ts';
import type { InstanceSnapshot, RunningInstance } from './snapshot.ts';

/*
 * Where what is known of instances is shown: those that are the node's own are its state, together; those of pools are a list.
 */

/** An instance, as far as it is shown. */
interface KnownInstance {
  readonly desired: DesiredInstance;
  readonly holder: { readonly state: HolderState };
  readonly fitness: { readonly fitness: Fitness | undefined };
}

/** What the node's own instances are together. */
interface NodeState {
  readonly holder: HolderState;
  /** That of the one that the node is least fit for; undefined until all are decided. */
  readonly fitness: Fitness | undefined;
}

function isNodes({ shown }: { readonly shown: Shown }): boolean {
  return shown.as === 'node';
}

function together(states: readonly [HolderState, ...HolderState[]]): HolderState {
  const holding = states.filter(({ holder }) => holder);
  const since = states.map(({ sinceMs }) => sinceMs);
  const disagreements = states.map(({ disagreement }) => disagreement).filter((text) => text !== null);
  return {
    holder: holding.length > 0,
    sinceMs: holding.length > 0 ? Math.min(...holding.map(({ sinceMs }) => sinceMs)) : Math.max(...since),
    addresses: states.flatMap(({ addresses }) => addresses),
    vrrp: states[0].vrrp,
    disagreement: disagreements.length === 0 ? null : disagreements.join('; '),
  };
}

function leastFit(decisions: readonly (Fitness | undefined)[]): Fitness | undefined {
  const decided = decisions.filter((fitness) => fitness !== undefined);
  return decided.length < decisions.length ? undefined : decided.toSorted((a, b) => a.priority - b.priority)[0];
}

/** Whether there is anything that is shown as the node's own state. Pure. */
export function hasNodeInstance(instances: readonly Pick<DesiredInstance, 'shown'>[]): boolean {
  return instances.some(isNodes);
}

/** The router id of the first instance that is shown as the node's own state. Pure. */
export function nodeRouterId(instances: readonly Pick<DesiredInstance, 'shown' | 'vrrp'>[]): number | undefined {
  return instances.find(isNodes)?.vrrp.virtualRouterId;
}

/**
 * What is shown as the node's own state. Pure.
 * @param unknownHolder what is shown of holding where there is no such instance
 */
export function nodeState(instances: readonly KnownInstance[], unknownHolder: HolderState): NodeState {
  const [first, ...others] = instances.filter(({ desired }) => isNodes(desired));
  if (first === undefined) return { holder: unknownHolder, fitness: undefined };
  if (others.length === 0) return { holder: first.holder.state, fitness: first.fitness.fitness };
  return {
    holder: together([first.holder.state, ...others.map(({ holder }) => holder.state)]),
    fitness: leastFit([first, ...others].map(({ fitness }) => fitness.fitness)),
  };
}

/** The instances of pools, in their order. Pure. */
export function poolInstances(instances: readonly KnownInstance[]): InstanceSnapshot[] {
  return instances.flatMap((instance) => {
    const { shown } = instance.desired;
    return shown.as === 'pool' ? [{ ...runningInstance(instance), pool: shown.pool }] : [];
  });
}

/** The instances of the control plane, each by itself, in their order. Pure. */
export function controlPlaneInstances(instances: readonly KnownInstance[]): RunningInstance[] {
  const own = instances.filter(({ desired: { shown } }) => shown.as === 'node' && shown.of === 'controlPlane');
  return own.map(runningInstance);
}

function runningInstance({ desired: { name, rank, vrrp }, holder, fitness }: KnownInstance): RunningInstance {
  return { name, rank, virtualRouterId: vrrp.virtualRouterId, holder: holder.state, fitness: fitness.fitness };
}

/** Why the node cannot run what is its own; null when it can. Pure. */
export function nodeProblem(problems: readonly InstanceProblem[]): string | null {
  const messages = problems.filter(isNodes).map(({ message }) => message);
  return messages.length === 0 ? null : messages.join('; ');
}

/** What keeps the node from running instances of pools, each with its name. Pure. */
export function poolProblems(problems: readonly InstanceProblem[]): string[] {
  return problems.filter((problem) => !isNodes(problem)).map(({ instance, message }) => `${instance}: ${message}`);
}
