import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { heldBy } from '../support/held-addresses.ts';
import { INTERFACE, netnsPath } from '../support/netns.ts';
import { pidCells } from '../support/place-commands.ts';
import { formatTable } from '../support/print.ts';
import { isAlive, type NamedProcess, processesInNetns } from '../support/processes.ts';
import { type ClusterPlan, type MachinePlan, planCluster } from './plan.ts';
import { adminKubeconfig, type ClusterState, machineDirectory } from './state.ts';

/** What may run on a node, and how its main processes are told from others. */
const PROGRAMS = {
  ingress: ({ name, commandLine }: NamedProcess) => name === 'nginx' && commandLine.includes('master process'),
  keepalived: ({ name, commandLine }: NamedProcess) => name === 'keepalived' && !commandLine.includes(' -t '),
  sidecar: ({ commandLine }: NamedProcess) => commandLine.includes('/app/sidecar.cjs'),
  kubelet: ({ name }: NamedProcess) => name === 'kubelet',
  haproxy: ({ name }: NamedProcess) => name === 'haproxy',
  'kube-apiserver': ({ name }: NamedProcess) => name === 'kube-apiserver',
} as const;

export type ProgramName = keyof typeof PROGRAMS;
const NAMES = Object.keys(PROGRAMS) as ProgramName[];

/** A machine as it is now: read from the kernel, not from what the cluster says. */
export interface MachineStatus {
  readonly name: string;
  readonly netns: string;
  readonly address: string;
  readonly address6: string;
  readonly interface: string;
  readonly controlPlane: boolean;
  /** Whether it is a node of the cluster. */
  readonly node: boolean;
  /** Whether it is switched on. */
  readonly up: boolean;
  /** Addresses really on its interfaces that are not its own. */
  readonly holds: readonly string[];
  /** Lowest pid of each program; null where none runs. */
  readonly processes: Readonly<Record<ProgramName, number | null>>;
  /** Faults that were injected here and not healed. */
  readonly faults: readonly string[];
  /** Folder with the services' and pods' logs, seen from outside. */
  readonly logs: string;
}

/** The cluster as it is now. */
export interface ClusterStatus {
  readonly name: string;
  readonly kubeconfig: string;
  readonly client: { readonly netns: string; readonly address: string };
  /** The client that forgets its neighbours. */
  readonly newcomer: { readonly netns: string };
  /** Free addresses in the nodes' network, with prefix length: for the ingress, and one that the API servers' certificates name. */
  readonly ingressVip: string;
  readonly apiVip: string;
  readonly machines: readonly MachineStatus[];
}

/** The pids of a program on a machine, in ascending order. */
export function pidsOf(machine: MachinePlan, program: ProgramName): number[] {
  return pidsAmong(processesInNetns(netnsPath(machine.netns)), program);
}

function pidsAmong(processes: readonly NamedProcess[], program: ProgramName): number[] {
  const pids = processes.filter(PROGRAMS[program]).map(({ pid }) => pid);
  return pids.toSorted((a, b) => a - b);
}

/**
 * The pids of everything on a machine, its pods' too, in whatever namespaces they are: the machine's cgroups tell of them.
 * @param cgroup of the cluster, below each hierarchy
 */
export async function pidsOnMachine(cgroup: string, machine: string): Promise<number[]> {
  const root = join('/sys/fs/cgroup/freezer', cgroup, machine);
  const files = await readdir(root, { recursive: true });
  const lists = files
    .filter((file) => basename(file) === 'cgroup.procs')
    .map((file) => readFile(join(root, file), 'utf8').catch(() => '')); // a container that just ended
  return (await Promise.all(lists)).join('').split('\n').filter(Boolean).map(Number);
}

async function machineStatus(state: ClusterState, machine: MachinePlan): Promise<MachineStatus> {
  const running = state.machines.find((each) => each.name === machine.name);
  const up = running !== undefined && isAlive(running.init);
  const all = up ? processesInNetns(netnsPath(machine.netns)) : [];
  const first = (program: ProgramName) => pidsAmong(all, program)[0] ?? null;
  return {
    name: machine.name,
    netns: machine.netns,
    address: machine.ipv4,
    address6: machine.ipv6,
    interface: INTERFACE,
    controlPlane: machine.controlPlane,
    node: machine.node,
    up,
    holds: up ? await virtualAddresses(machine) : [],
    processes: Object.fromEntries(NAMES.map((name) => [name, first(name)])) as MachineStatus['processes'],
    faults: state.faults.filter((fault) => fault.node === machine.name).map((fault) => fault.name),
    logs: `${machineDirectory(state.shape.name, machine.name)}/log`,
  };
}

/** The addresses on a node that are neither its own nor those of its pods' bridge. */
async function virtualAddresses(machine: MachinePlan): Promise<string[]> {
  const pods = machine.podCidr?.replace(/\.0\/24$/, '.');
  const held = await heldBy(machine.netns, [machine.ipv4, machine.ipv6]);
  return held.filter((address) => pods === undefined || !address.startsWith(pods));
}

/** The virtual addresses that each node holds now, by the node's name; those that are off hold none and are left out. */
export async function addressesByNode(state: ClusterState): Promise<Record<string, string[]>> {
  const plan = planCluster(state.shape);
  const on = new Set(state.machines.filter((each) => isAlive(each.init)).map((each) => each.name));
  const nodes = plan.nodes.filter((node) => on.has(node.name));
  return Object.fromEntries(
    await Promise.all(nodes.map(async (node) => [node.name, await virtualAddresses(node)] as const)),
  );
}

/** The nodes that hold any virtual address now. */
export async function anyHolders(state: ClusterState): Promise<string[]> {
  const status = await clusterStatus(state);
  return status.machines.filter(({ holds }) => holds.length > 0).map(({ name }) => name);
}

/** Looks at every machine of the cluster. */
export async function clusterStatus(state: ClusterState): Promise<ClusterStatus> {
  const plan: ClusterPlan = planCluster(state.shape);
  const withPrefix = (address: string) => `${address}/${plan.prefixLength}`;
  return {
    name: plan.name,
    kubeconfig: adminKubeconfig(plan.name),
    client: { netns: plan.client.netns, address: plan.client.ipv4 },
    newcomer: { netns: plan.newcomer.netns },
    ingressVip: withPrefix(plan.ingressVip),
    apiVip: withPrefix(plan.apiVip),
    machines: await Promise.all(plan.machines.map((machine) => machineStatus(state, machine))),
  };
}

/** The cluster for people. Pure. */
export function formatStatus(status: ClusterStatus): string {
  const rows = status.machines.map(({ processes, ...machine }) => [
    machine.name,
    machine.up ? 'up' : 'off',
    machine.netns,
    machine.address,
    machine.holds.join(' ') || '-',
    ...pidCells([processes.keepalived, processes.sidecar, processes.ingress, processes.kubelet]),
    machine.faults.join(' ') || '-',
  ]);
  const head = ['MACHINE', '', 'NETNS', 'ADDRESS', 'HOLDS', 'KEEPALIVED', 'SIDECAR', 'INGRESS', 'KUBELET', 'FAULTS'];
  return [
    formatTable([head, ...rows]),
    `client: ${status.client.netns}   free for the ingress: ${status.ingressVip}   for the API servers: ${status.apiVip}`,
    `export KUBECONFIG=${status.kubeconfig}`,
  ].join('\n');
}
