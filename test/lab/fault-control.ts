import type { Instant } from '../support/clock.ts';
import { now } from '../support/clock.ts';
import { INTERFACE } from '../support/netns.ts';
import type { FaultName } from './fault-names.ts';
import { heal, revive, strike } from './faults.ts';
import { type ActiveFault, changeState, type LabState, type NodeState, readState } from './state.ts';
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
  if (node === ALL_NODES) {
    return state.nodes.map((each) => each.name);
  }
  if (node !== undefined) {
    return [node];
  }
  const [address] = state.release.addresses;
  const holders = address === undefined ? [] : await holdersOf(networkOf(state), address);
  const [holder, ...others] = holders;
  if (holder === undefined || others.length > 0) {
    throw new Error(`${holders.join(' and ') || 'no node'} holds ${address}: say which node is meant with --node`);
  }
  return [holder];
}

function checkInactive(state: LabState, fault: FaultName, nodes: readonly string[], nic: string): void {
  const active = state.faults.find((each) => each.name === fault && nodes.includes(each.node) && each.nic === nic);
  if (active !== undefined) {
    throw new Error(`${fault} is active on ${active.node} already: heal it first`);
  }
}

/**
 * Injects a fault.
 * @param node a node's name, `all` for every node at once; by default the node that holds the (first) address
 * @param nic the interface that faults of the network are about
 * @throws Error when it is active already, or there is nothing to damage.
 */
export async function injectFault(
  lab: string,
  fault: FaultName,
  node?: string,
  nic: string = INTERFACE,
): Promise<InjectedFault> {
  let injected: InjectedFault | undefined;
  await changeState(lab, async (state) => {
    const nodes = await chooseNodes(state, node);
    checkInactive(state, fault, nodes, nic);
    const injectedAt = await strike(
      fault,
      nodes.map((name) => targetOf(state, name, nic)),
    );
    injected = { fault, nodes, injectedAt };
    const added = nodes.map((name): ActiveFault => ({ name: fault, node: name, nic, injectedAt }));
    return { ...state, faults: [...state.faults, ...added] };
  });
  if (injected === undefined) {
    throw new Error(`${fault} was not injected`);
  }
  return injected;
}

/** Which faults to heal; without any of the two, all. */
export interface HealOptions {
  readonly fault?: FaultName | undefined;
  readonly node?: string | undefined;
  readonly nic?: string | undefined;
}

function isMeant(active: ActiveFault, { fault, node, nic }: HealOptions): boolean {
  const isNode = node === undefined || node === ALL_NODES || node === active.node;
  return isNode && (fault ?? active.name) === active.name && (nic ?? active.nic) === active.nic;
}

/** Undoes a node's faults, the last one first. */
async function healNode(state: LabState, node: NodeState, faults: readonly ActiveFault[]): Promise<NodeState> {
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
    targetOf(readState(lab), options.node);
  }
  const startedAt = now();
  let healed: HealedFaults['healed'] = [];
  const revived: string[] = [];
  await changeState(lab, async (state) => {
    const meant = state.faults.filter((active) => isMeant(active, options));
    const work = state.nodes.map(async (node) => {
      const here = meant.filter((active) => active.node === node.name);
      const cured = await healNode(state, node, here);
      if (options.fault !== undefined || ![undefined, ALL_NODES, node.name].includes(options.node)) {
        return cured;
      }
      const running = await revive({ ...targetOf(state, node.name), node: cured });
      revived.push(...startedSince(cured, running));
      return running;
    });
    const nodes = await Promise.all(work);
    healed = meant.map(({ name, node }) => ({ fault: name, node }));
    return { ...state, nodes, faults: state.faults.filter((active) => !meant.includes(active)) };
  });
  return { healed, revived, startedAt, healedAt: now() };
}
