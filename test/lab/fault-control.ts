import type { Instant } from '../support/clock.ts';
import { now } from '../support/clock.ts';
import { type FaultFilter, isMeant, refuseActive, soleHolder } from '../support/faults.ts';
import { INTERFACE } from '../support/netns.ts';
import type { FaultName } from './fault-names.ts';
import { heal, revive, strike } from './faults.ts';
import { type ActiveLabFault, type LabState, labState, type NodeState } from './state.ts';
import { holdersOf } from './status.ts';
import { networkOf, targetOf } from './targets.ts';

/** All nodes at once, as a name of a node. */
export const ALL_NODES = 'all';

/** A fault as it was injected. */
export interface InjectedFault {
  readonly fault: FaultName;
  readonly nodes: readonly string[];
  /** Immediately before the damage was done. */
  readonly injectedAt: Instant;
}

/** Faults as they were healed. */
export interface HealedFaults {
  readonly healed: readonly { readonly fault: FaultName; readonly node: string }[];
  /** What had ended without a fault that was healed now, and runs again: `sidecar on node1`. */
  readonly revived: readonly string[];
  /** Immediately before the first was undone. */
  readonly startedAt: Instant;
  /** When all were undone: what had died runs again, though it may still be starting to serve. */
  readonly healedAt: Instant;
}

async function chooseNodes(state: LabState, node: string | undefined): Promise<string[]> {
  if (node === ALL_NODES) return state.nodes.map((each) => each.name);
  if (node !== undefined) return [node];
  const [address] = state.release.addresses;
  return [soleHolder(address === undefined ? [] : await holdersOf(networkOf(state), address), `${address}`)];
}

/**
 * Injects a fault.
 * @param node a node's name, `all` for every node at once; by default the node that holds the (first) address
 * @param nic the interface that faults of the network are about
 * @throws Error when it is active already, or there is nothing to damage.
 */
export function injectFault(
  lab: string,
  fault: FaultName,
  node?: string,
  nic: string = INTERFACE,
): Promise<InjectedFault> {
  return labState(lab).exchange(async (state) => {
    const nodes = await chooseNodes(state, node);
    const ofNic = state.faults.filter((active) => active.nic === nic);
    refuseActive(ofNic, fault, nodes);
    const injectedAt = await strike(
      fault,
      nodes.map((name) => targetOf(state, name, nic)),
    );
    const added = nodes.map((name) => ({ name: fault, node: name, nic, injectedAt }));
    return [
      { ...state, faults: [...state.faults, ...added] },
      { fault, nodes, injectedAt },
    ];
  });
}

/** Which faults to heal; without any of them, all. */
export interface HealOptions extends FaultFilter<FaultName> {
  readonly nic?: string | undefined;
}

/** Undoes a node's faults, the last one first. */
async function healNode(state: LabState, node: NodeState, faults: readonly ActiveLabFault[]): Promise<NodeState> {
  let healed = node;
  for (const active of faults.toReversed()) {
    healed = await heal(active.name, { ...targetOf(state, node.name, active.nic), node: healed });
  }
  return healed;
}

/** Names of what runs on a node now but did not in the state of before. */
function startedSince(before: NodeState, after: NodeState): string[] {
  const pids = ({ ingress, kubelet, containers }: NodeState): [string, number][] => [
    ['ingress', ingress.pid],
    ['kubelet', kubelet.pid],
    ...Object.entries(containers).map(([name, container]): [string, number] => [name, container.insidePid]),
  ];
  const known = new Map(pids(before));
  return pids(after)
    .filter(([name, pid]) => known.get(name) !== pid)
    .map(([name]) => `${name} on ${after.name}`);
}

/**
 * Undoes faults: starts what died, lets run what was stopped, connects what was cut. All nodes at the same time.
 * When no fault is named, everything runs afterwards, also what ended by itself.
 */
export async function healFaults(lab: string, options: HealOptions = {}): Promise<HealedFaults> {
  if (options.node !== undefined && options.node !== ALL_NODES) {
    targetOf(labState(lab).read(), options.node);
  }
  const node = options.node === ALL_NODES ? undefined : options.node;
  const startedAt = now();
  const done = await labState(lab).exchange(async (state) => {
    const meant = state.faults.filter(
      (active) => isMeant(active, { fault: options.fault, node }) && (options.nic ?? active.nic) === active.nic,
    );
    const revived: string[] = [];
    const work = state.nodes.map(async (each) => {
      const here = meant.filter((active) => active.node === each.name);
      const cured = await healNode(state, each, here);
      if (options.fault !== undefined || (node ?? each.name) !== each.name) return cured;
      const running = await revive({ ...targetOf(state, each.name), node: cured });
      revived.push(...startedSince(cured, running));
      return running;
    });
    const nodes = await Promise.all(work);
    const faults = state.faults.filter((active) => !meant.includes(active));
    const healed = meant.map((active) => ({ fault: active.name, node: active.node }));
    return [
      { ...state, nodes, faults },
      { healed, revived },
    ];
  });
  return { ...done, startedAt, healedAt: now() };
}
