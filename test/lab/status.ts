import { type Container, isRunning } from '../support/container.ts';
import { heldBy, holdersIn } from '../support/held-addresses.ts';
import { INTERFACE } from '../support/netns.ts';
import { pidCells } from '../support/place-commands.ts';
import { formatTable } from '../support/print.ts';
import { familyOf, isAlive, type ProcessRef } from '../support/processes.ts';
import { addressesOf, type HostPlan, type NetworkPlan, ownAddresses } from './network-plan.ts';
import type { NetworkName } from './networks.ts';
import { nodeDirectory } from './node-directory.ts';
import { RUNTIME_VOLUME } from './runtime-files.ts';
import type { ActiveLabFault, LabState, NodeState } from './state.ts';
import { networkOf } from './targets.ts';

/** A node as it is now: read from the kernel, not from what the lab believes. */
export interface NodeStatus {
  readonly name: string;
  readonly netns: string;
  /** By which the cluster knows it. */
  readonly address: string;
  /** Its IPv6 address on `eth0`; empty where the network has none. */
  readonly address6: string;
  readonly interface: string;
  /** Addresses really on its interfaces that are not its own. */
  readonly holds: readonly string[];
  /** Main processes; null where none runs. */
  readonly processes: {
    readonly keepalived: number | null;
    readonly sidecar: number | null;
    readonly ingress: number | null;
    readonly kubelet: number | null;
  };
  /** As seen inside the node's namespace. */
  readonly sidecarUrl: string;
  /** Faults that were injected here and not healed. */
  readonly faults: readonly string[];
  /** The pod's runtime directory, seen from the machine. */
  readonly runtimeDirectory: string;
  readonly logs: Readonly<Record<string, string>>;
}

/** The lab as it is now. */
export interface LabStatus {
  readonly name: string;
  readonly network: NetworkName;
  readonly client: { readonly netns: string };
  /** The client that forgets its neighbours. */
  readonly newcomer: { readonly netns: string };
  /** The virtual addresses of the settings. */
  readonly addresses: readonly string[];
  readonly nodes: readonly NodeStatus[];
  readonly faults: readonly ActiveLabFault[];
}

/** The virtual addresses that each node holds now, by the node's name. */
export async function addressesByNode({ nodes }: NetworkPlan): Promise<Record<string, string[]>> {
  const held = nodes.map(async (host) => [host.name, await heldBy(host.netns, ownAddresses(host))] as const);
  return Object.fromEntries(await Promise.all(held));
}

/** The names of the nodes that hold an address now. */
export async function holdersOf(network: NetworkPlan, address: string): Promise<string[]> {
  return holdersIn(await addressesByNode(network), address);
}

function pidOf(ref: ProcessRef): number | null {
  return isAlive(ref) ? ref.pid : null;
}

/** The process that a container is there for: not the reaper that is its process 1. */
function mainProcess(container: Container | undefined, isMain: (name: string) => boolean): number | null {
  if (container === undefined || !isRunning(container)) {
    return null;
  }
  return familyOf(container.insidePid).find((member) => isMain(member.name))?.pid ?? null;
}

/** keepalived's parent process on a node, null when none runs. */
export function keepalivedPid(node: NodeState): number | null {
  return mainProcess(node.containers.keepalived, (name) => name.startsWith('keepalived'));
}

/** The sidecar's process on a node, null when none runs. */
function sidecarPid(node: NodeState): number | null {
  return mainProcess(node.containers.sidecar, (name) => name !== 'tini');
}

async function nodeStatus(state: LabState, host: HostPlan, node: NodeState): Promise<NodeStatus> {
  const directory = nodeDirectory(state.name, host.name);
  return {
    name: host.name,
    netns: host.netns,
    address: host.address,
    address6: addressesOf(host, 6)[0] ?? '',
    interface: INTERFACE,
    holds: await heldBy(host.netns, ownAddresses(host)),
    processes: {
      keepalived: keepalivedPid(node),
      sidecar: sidecarPid(node),
      ingress: pidOf(node.ingress),
      kubelet: pidOf(node.kubelet),
    },
    sidecarUrl: state.release.sidecarUrl,
    faults: state.faults.filter((fault) => fault.node === host.name).map((fault) => fault.name),
    runtimeDirectory: directory.volume(RUNTIME_VOLUME),
    logs: Object.fromEntries(Object.keys(node.containers).map((name) => [name, directory.log(name)])),
  };
}

/** Looks at every node of the lab. */
export async function labStatus(state: LabState): Promise<LabStatus> {
  const network = networkOf(state);
  const nodes = network.nodes.flatMap((host) => {
    const node = state.nodes.find((each) => each.name === host.name);
    return node === undefined ? [] : [nodeStatus(state, host, node)];
  });
  return {
    name: state.name,
    network: network.network,
    client: { netns: network.client.netns },
    newcomer: { netns: network.newcomer.netns },
    addresses: state.release.addresses,
    nodes: await Promise.all(nodes),
    faults: state.faults,
  };
}

/** The lab for people. Pure. */
export function formatStatus(status: LabStatus): string {
  const rows = status.nodes.map((node) => [
    node.name,
    node.netns,
    node.address,
    node.holds.join(' ') || '-',
    ...pidCells([node.processes.keepalived, node.processes.sidecar, node.processes.ingress]),
    node.faults.join(' ') || '-',
  ]);
  const head = ['NODE', 'NETNS', 'ADDRESS', 'HOLDS', 'KEEPALIVED', 'SIDECAR', 'INGRESS', 'FAULTS'];
  return `${formatTable([head, ...rows])}\naddresses: ${status.addresses.join(' ')}   client: ${status.client.netns}`;
}
