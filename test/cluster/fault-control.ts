import type { Instant } from '../support/clock.ts';
import { now } from '../support/clock.ts';
import type { ClusterFaultName } from './fault-names.ts';
import { type FaultTarget, healFault, prepareFault } from './faults.ts';
import type { RunningMachine } from './machine.ts';
import { planCluster } from './plan.ts';
import { type ActiveClusterFault, type ClusterState, clusterCgroup, clusterKubectl, clusterState } from './state.ts';
import { anyHolders } from './status.ts';

/** A fault as it was injected. */
export interface InjectedClusterFault {
  readonly fault: ClusterFaultName;
  readonly node: string;
  /** Immediately before the damage was done. */
  readonly injectedAt: Instant;
  /** When the command that did it had ended; long after the first effect where it waits for pods. */
  readonly doneAt: Instant;
}

/** Faults that leave nothing to repair. */
const MOMENTARY: readonly ClusterFaultName[] = ['pod-delete', 'node-reboot'];

function targetOf(state: ClusterState, name: string): FaultTarget {
  const plan = planCluster(state.shape);
  const machine = plan.machines.find((each) => each.name === name);
  if (machine === undefined) {
    throw new Error(`there is no machine ${name}; there are: ${plan.machines.map((each) => each.name).join(', ')}`);
  }
  return {
    plan,
    parts: state.parts,
    machine,
    running: state.machines.find((each) => each.name === name),
    kubectl: clusterKubectl(state),
    cgroup: clusterCgroup(state.shape.name),
  };
}

/** The machine to damage: the one named, else the one that holds an address; for API servers one that has one. */
async function chooseNode(state: ClusterState, fault: ClusterFaultName, node: string | undefined): Promise<string> {
  const plan = planCluster(state.shape);
  const named = node ?? (await theHolder(state, fault));
  const controlPlane = plan.controlPlanes.some((each) => each.name === named);
  const [first] = plan.controlPlanes;
  return fault === 'apiserver-stop' && !controlPlane && first !== undefined ? first.name : named;
}

async function theHolder(state: ClusterState, fault: ClusterFaultName): Promise<string> {
  const holders = await anyHolders(state);
  const [holder, ...others] = holders;
  if (holder !== undefined && others.length === 0) return holder;
  if (fault === 'apiserver-stop') return '';
  throw new Error(`${holders.join(' and ') || 'no node'} holds an address: say which node is meant with --node`);
}

function withMachine(state: ClusterState, name: string, machine: RunningMachine | undefined): ClusterState {
  const others = state.machines.filter((each) => each.name !== name);
  return { ...state, machines: machine === undefined ? others : [...others, machine] };
}

/**
 * Injects a fault.
 * @param node a machine's name; by default the one that holds an address
 * @throws Error when it is active already, or there is nothing to damage.
 */
export async function injectFault(
  cluster: string,
  fault: ClusterFaultName,
  node?: string,
): Promise<InjectedClusterFault> {
  let injected: InjectedClusterFault | undefined;
  await clusterState(cluster).change(async (state) => {
    const name = await chooseNode(state, fault, node);
    if (state.faults.some((each) => each.name === fault && each.node === name)) {
      throw new Error(`${fault} is active on ${name} already: heal it first`);
    }
    const prepared = await prepareFault(fault, targetOf(state, name));
    const { at, machine } = await prepared.strike();
    injected = { fault, node: name, injectedAt: at, doneAt: now() };
    const active: ActiveClusterFault[] = MOMENTARY.includes(fault) ? [] : [{ name: fault, node: name, injectedAt: at }];
    const after = withMachine(state, name, machine);
    return { ...after, faults: [...after.faults, ...active] };
  });
  if (injected === undefined) throw new Error(`${fault} was not injected`);
  return injected;
}

/** The last one first; but API servers before everything else, for other repairs ask them. */
function healingOrder(faults: readonly ActiveClusterFault[]): ActiveClusterFault[] {
  const isApi = ({ name }: ActiveClusterFault) => Number(name === 'apiserver-stop');
  return faults.toReversed().toSorted((a, b) => isApi(b) - isApi(a));
}

/** Which faults to heal; without any of the two, all. */
export interface HealClusterOptions {
  readonly fault?: ClusterFaultName | undefined;
  readonly node?: string | undefined;
}

/** Undoes faults: switches on what is off, connects what was cut, starts what was stopped. */
export async function healFaults(
  cluster: string,
  { fault, node }: HealClusterOptions = {},
): Promise<readonly { readonly fault: ClusterFaultName; readonly node: string }[]> {
  let healed: { fault: ClusterFaultName; node: string }[] = [];
  await clusterState(cluster).change(async (state) => {
    const meant = state.faults.filter(
      (active) => (fault ?? active.name) === active.name && (node ?? active.node) === active.node,
    );
    let after = state;
    for (const active of healingOrder(meant)) {
      const machine = await healFault(active.name, targetOf(after, active.node));
      after = withMachine(after, active.node, machine);
    }
    healed = meant.map((active) => ({ fault: active.name, node: active.node }));
    return { ...after, faults: after.faults.filter((active) => !meant.includes(active)) };
  });
  return healed;
}
