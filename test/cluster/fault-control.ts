import type { Instant } from '../support/clock.ts';
import { now } from '../support/clock.ts';
import { type ActiveFault, type FaultFilter, isMeant, refuseActive, soleHolder } from '../support/faults.ts';
import { named } from '../support/named.ts';
import type { ClusterFaultName } from './fault-names.ts';
import { type FaultTarget, healFault, prepareFault } from './faults.ts';
import type { RunningMachine } from './machine.ts';
import { planCluster } from './plan.ts';
import { type ClusterState, clusterCgroup, clusterKubectl, clusterState } from './state.ts';
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
/** Faults of an API server, which are repaired before everything else: other repairs ask it. */
const OF_API_SERVERS: readonly ClusterFaultName[] = ['apiserver-stop', 'apiserver-hang'];

function targetOf(state: ClusterState, name: string): FaultTarget {
  const plan = planCluster(state.shape);
  const machine = named('machine', plan.machines, name);
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
  return OF_API_SERVERS.includes(fault) && !controlPlane && first !== undefined ? first.name : named;
}

async function theHolder(state: ClusterState, fault: ClusterFaultName): Promise<string> {
  const holders = await anyHolders(state);
  return OF_API_SERVERS.includes(fault) && holders.length !== 1 ? '' : soleHolder(holders, 'an address');
}

/** @param machine as it is now, where it is not as before */
function withMachine(state: ClusterState, name: string, machine: RunningMachine | 'off' | undefined): ClusterState {
  if (machine === undefined) return state;
  const others = state.machines.filter((each) => each.name !== name);
  return { ...state, machines: machine === 'off' ? others : [...others, machine] };
}

/**
 * Injects a fault.
 * @param node a machine's name; by default the one that holds an address
 * @throws Error when it is active already, or there is nothing to damage.
 */
export function injectFault(cluster: string, fault: ClusterFaultName, node?: string): Promise<InjectedClusterFault> {
  return clusterState(cluster).exchange(async (state) => {
    const name = await chooseNode(state, fault, node);
    refuseActive(state.faults, fault, [name]);
    const strike = await prepareFault(fault, targetOf(state, name));
    const injectedAt = now();
    const after = withMachine(state, name, (await strike()) ?? undefined);
    const injected = { fault, node: name, injectedAt, doneAt: now() };
    const active = MOMENTARY.includes(fault) ? [] : [{ name: fault, node: name, injectedAt }];
    return [{ ...after, faults: [...after.faults, ...active] }, injected];
  });
}

/** The last one first; but API servers before everything else. */
function healingOrder(faults: readonly ActiveFault<ClusterFaultName>[]): ActiveFault<ClusterFaultName>[] {
  const isApi = ({ name }: ActiveFault<ClusterFaultName>) => Number(OF_API_SERVERS.includes(name));
  return faults.toReversed().toSorted((a, b) => isApi(b) - isApi(a));
}

/** Undoes faults: switches on what is off, connects what was cut, starts what was stopped. */
export function healFaults(
  cluster: string,
  which: FaultFilter<ClusterFaultName> = {},
): Promise<readonly { readonly fault: ClusterFaultName; readonly node: string }[]> {
  return clusterState(cluster).exchange(async (state) => {
    const meant = state.faults.filter((active) => isMeant(active, which));
    let after = state;
    for (const active of healingOrder(meant)) {
      const machine = await healFault(active.name, targetOf(after, active.node));
      after = withMachine(after, active.node, machine ?? undefined);
    }
    const faults = after.faults.filter((active) => !meant.includes(active));
    return [{ ...after, faults }, meant.map((active) => ({ fault: active.name, node: active.node }))];
  });
}
