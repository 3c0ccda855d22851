import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ImageArchive } from '../../scripts/images.ts';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { ip } from '../support/netns.ts';
import type { Say } from '../support/print.ts';
import { succeeds } from '../support/succeeds.ts';
import { type WaitOptions, waitFor } from '../support/wait.ts';
import { DNS_NAME, DNS_NAMESPACE, dnsManifest } from './dns.ts';
import { takeDown } from './down.ts';
import { ensureImageStore, linkStore } from './image-store.ts';
import { INGRESS_NAME, INGRESS_NAMESPACE, ingressManifest } from './ingress.ts';
import { adaptKernel } from './kernel-limits.ts';
import { type MachineSpec, type RunningMachine, startMachine, writeDisk } from './machine.ts';
import { createNetwork, plugMachine } from './network.ts';
import type { ClusterParts } from './parts.ts';
import { kubeconfig, makePki, type Pki } from './pki.ts';
import { type ClusterPlan, type ClusterShape, type MachinePlan, planCluster, SUBNETS } from './plan.ts';
import { machineFiles } from './services.ts';
import {
  adminKubeconfig,
  type ClusterState,
  clusterCgroup,
  clusterDirectory,
  clusterKubectl,
  clusterState,
  listClusters,
  machineDirectory,
} from './state.ts';

/** What `up` takes. */
export interface ClusterOptions {
  readonly name: string;
  readonly nodes: number;
  readonly controlPlanes: number;
  /** Whether an ingress runs on every node. */
  readonly ingress: boolean;
  /** Whether pods' questions for names in the cluster are answered; the nodes have the image of `dnsImage` then. */
  readonly dns?: boolean;
}

const API_LIMIT_MS = 90_000;
const NODES_LIMIT_MS = 90_000;
const PODS_LIMIT_MS = 60_000;
/** Choosing a subnet takes a moment. */
const LOCK_LIMIT_SECONDS = 60;
/** For what is only told besides an error. */
const LOOK_LIMIT_MS = 5000;

/** A subnet that no other cluster has and this machine knows no address of. */
async function freeSubnet(): Promise<number> {
  const used = new Set(
    listClusters()
      .map((name) => clusterState(name))
      .filter((state) => state.exists())
      .map((state) => state.read().shape.subnet),
  );
  const addresses = await ip(['-4', '-o', 'address', 'show']);
  const free = Array.from({ length: SUBNETS }, (_, subnet) => subnet).find(
    (subnet) => !(used.has(subnet) || addresses.includes(` 10.77.${subnet}.`)),
  );
  if (free === undefined) throw new Error('no subnet is free: take some clusters down');
  return free;
}

/** Chooses a cluster's subnet and writes it down, before another command chooses one. */
function takeSubnet(
  { name, nodes, controlPlanes }: ClusterOptions,
  parts: ClusterParts,
  say: Say,
): Promise<ClusterShape> {
  const choose = async () => {
    const shape = { name, nodes, controlPlanes, subnet: await freeSubnet() };
    await clusterState(name).write({ shape, parts, machines: [], faults: [] });
    return shape;
  };
  return withLock(join(cacheFolder(), 'subnets.lock'), LOCK_LIMIT_SECONDS, say, choose, 'choosing a subnet');
}

async function makeDirectory(cluster: string): Promise<void> {
  const directory = clusterDirectory(cluster);
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new Error(`the cluster ${cluster} is up already (or was left behind): \`down\` removes it`);
    }
    throw error;
  }
}

/** How a machine of a cluster is started. Pure. */
function machineSpec(plan: ClusterPlan, machine: MachinePlan): MachineSpec {
  return {
    name: machine.name,
    netns: machine.netns,
    cgroup: clusterCgroup(plan.name),
    directory: machineDirectory(plan.name, machine.name),
  };
}

/** Switches a machine on, whose disk is there, and plugs it in. */
export async function bootMachine(
  plan: ClusterPlan,
  machine: MachinePlan,
  parts: ClusterParts,
): Promise<RunningMachine> {
  const running = await startMachine(machineSpec(plan, machine), parts);
  await plugMachine(plan, machine);
  return running;
}

async function prepareDisk(plan: ClusterPlan, machine: MachinePlan, pki: Pki, store: string): Promise<void> {
  const directory = machineDirectory(plan.name, machine.name);
  if (machine.node) await linkStore(store, directory);
  await writeDisk(directory, machineFiles(plan, machine, pki));
}

async function build(plan: ClusterPlan, pki: Pki, parts: ClusterParts, store: string): Promise<RunningMachine[]> {
  await writeFile(adminKubeconfig(plan.name), kubeconfig(pki, plan, 'admin'), { mode: 0o600 });
  await createNetwork(plan);
  // Control planes first: the others wait for them.
  const order = [...plan.machines].sort((a, b) => Number(b.controlPlane) - Number(a.controlPlane));
  const boots = order.map(async (machine) => {
    await prepareDisk(plan, machine, pki, store);
    return bootMachine(plan, machine, parts);
  });
  const outcomes = await Promise.allSettled(boots);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

/** Waits until the API answers and every node is Ready. */
async function waitForNodes(plan: ClusterPlan, kubectl: Kubectl, wait: Partial<WaitOptions>, say: Say): Promise<void> {
  const options = { everyMs: 200, ...wait };
  await waitFor('the API server', () => succeeds(() => kubectl(['get', '--raw', '/readyz'])), {
    limitMs: API_LIMIT_MS,
    ...options,
  });
  say('the API server answers');
  let said = '';
  await waitFor(
    `${plan.nodes.length} nodes to be Ready`,
    async () => {
      said = await kubectl(['get', 'nodes', '--no-headers']).catch((error: Error) => error.message);
      return said.split('\n').filter((line) => / Ready /.test(line)).length === plan.nodes.length;
    },
    { limitMs: NODES_LIMIT_MS, ...options },
    () => said,
  );
  await waitFor('the default service account', () => succeeds(() => kubectl(['get', 'serviceaccount', 'default'])), {
    limitMs: NODES_LIMIT_MS,
    ...options,
  });
}

/** Labels that installers give and a kubelet may not give itself. */
async function labelControlPlanes(plan: ClusterPlan, kubectl: Kubectl): Promise<void> {
  for (const { name } of plan.controlPlanes.filter((machine) => machine.node)) {
    await kubectl(['label', 'node', name, 'node-role.kubernetes.io/control-plane=']);
  }
}

/** Waits until all pods of a workload are ready. @param failure what it is when they do not become so */
async function rollOut(kubectl: Kubectl, workload: string, namespace: string, failure: string): Promise<void> {
  const rollout = ['rollout', 'status', workload, '-n', namespace];
  try {
    await kubectl([...rollout, `--timeout=${PODS_LIMIT_MS / 1000}s`], { timeout: PODS_LIMIT_MS + 5000 });
  } catch (error) {
    const said = `${(error as Error).message}\n${await podsAndEvents(kubectl, namespace)}`;
    throw new Error(`${failure}: ${said}`, { cause: error });
  }
}

async function runIngress(kubectl: Kubectl, pki: Pki): Promise<void> {
  await kubectl(['apply', '-f', '-'], { input: ingressManifest(pki.certificate('ingress')) });
  await rollOut(kubectl, `daemonset/${INGRESS_NAME}`, INGRESS_NAMESPACE, 'the ingress does not run on every node');
}

async function runDns(kubectl: Kubectl): Promise<void> {
  await kubectl(['apply', '-f', '-'], { input: dnsManifest() });
  await rollOut(kubectl, `deployment/${DNS_NAME}`, DNS_NAMESPACE, 'the DNS does not run');
}

/** What a user would look at when pods do not run: the pods and what happened to them. */
async function podsAndEvents(kubectl: Kubectl, namespace: string): Promise<string> {
  const look = (args: readonly string[]) =>
    kubectl(args, { timeout: LOOK_LIMIT_MS }).catch((error: Error) => error.message);
  const pods = await look(['get', 'pods', '-n', namespace, '-o', 'wide']);
  const events = await look(['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp']);
  return `${pods}\n${events}`;
}

/**
 * Brings a cluster up and leaves it running. On failure, or when `signal` is aborted, nothing of it is left.
 * @param archives the images that every node has
 * @throws Error that says why; when there is one of this name already, that one is not touched.
 */
export async function bringUp(
  options: ClusterOptions,
  parts: ClusterParts,
  archives: readonly ImageArchive[],
  say: Say,
  signal?: AbortSignal,
): Promise<ClusterState> {
  const { name, nodes, controlPlanes } = options;
  planCluster({ name, nodes, controlPlanes, subnet: 0 });
  const store = await ensureImageStore(archives, parts, say);
  await makeDirectory(name);
  try {
    await adaptKernel(name, say);
    const shape = await takeSubnet(options, parts, say);
    const plan = planCluster(shape);
    const pki = await makePki(plan, join(clusterDirectory(name), 'pki'));
    const state: ClusterState = { shape, parts, machines: await build(plan, pki, parts, store), faults: [] };
    await clusterState(name).write(state);
    say(`${plan.machines.length} machines on one switch`);
    const kubectl = clusterKubectl(state);
    await waitForNodes(plan, kubectl, signal === undefined ? {} : { signal }, say);
    say(`${plan.nodes.length} nodes are Ready`);
    await labelControlPlanes(plan, kubectl);
    if (options.ingress) {
      await runIngress(kubectl, pki);
      say('an ingress runs on every node');
    }
    if (options.dns) {
      await runDns(kubectl);
      say('names in the cluster are answered');
    }
    signal?.throwIfAborted();
    return state;
  } catch (error) {
    await takeDown(name);
    throw error;
  }
}
