import { named } from '../support/named.ts';
import { INTERFACE } from '../support/netns.ts';
import type { FaultTarget } from './faults.ts';
import { type HostPlan, type NetworkPlan, planNetwork } from './network-plan.ts';
import type { PodPlan } from './pod.ts';
import type { LabState } from './state.ts';

/** The network of a lab that is up. */
export function networkOf(state: LabState): NetworkPlan {
  return planNetwork(state.name, state.nodeCount, state.network);
}

/** How the pod of a node is started. */
export function podPlanOf(
  state: Pick<LabState, 'name' | 'release' | 'imageRoot' | 'proxyRoot' | 'birdRoot' | 'api'>,
  plan: NetworkPlan,
  host: HostPlan,
): PodPlan {
  return {
    lab: state.name,
    host,
    release: state.release,
    imageRoot: state.imageRoot,
    proxyRoot: state.proxyRoot,
    birdRoot: state.birdRoot,
    account: state.api.account,
    apiAddress: plan.api.address,
  };
}

/**
 * A node by its name, and one of its interfaces.
 * @throws Error that lists the nodes, or the interfaces.
 */
export function targetOf(state: LabState, name: string, nicName: string = INTERFACE): FaultTarget {
  const network = networkOf(state);
  const host = named('node', network.nodes, name);
  const node = named('node', state.nodes, name);
  const nic = named('interface', host.nics, nicName, `${nicName} on ${name}`);
  return { network, host, node, nic, pod: podPlanOf(state, network, host) };
}
