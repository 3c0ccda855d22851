import { type Container, execInContainer, isRunning, killContainer, signalContainer } from '../support/container.ts';
import { type Instant, now } from './clock.ts';
import type { FaultName } from './fault-names.ts';
import { ipBatch, netnsPath } from './netns.ts';
import { type HostPlan, INTERFACE, type NetworkPlan } from './network-plan.ts';
import { setIngressHealth, startIngress, startKubelet } from './nginx.ts';
import { nodeDirectory } from './node-directory.ts';
import { cordoned, prepareNode } from './node-objects.ts';
import { type PodPlan, startPodContainer } from './pod.ts';
import { PreparedCommand } from './prepared-command.ts';
import { familyOf, isAlive, pidsInNetns, signalAll } from './processes.ts';
import { endDrain, offerBrokenCandidate, RUNTIME_VOLUME, restoreCandidate } from './runtime-files.ts';
import type { NodeState } from './state.ts';
import { waitFor } from './wait.ts';

/** A node, as faults see it. */
export interface FaultTarget {
  readonly network: NetworkPlan;
  readonly host: HostPlan;
  readonly pod: PodPlan;
  readonly node: NodeState;
}

/** Does the damage. Everything that takes time has been done before: what is left is a system call or a line to a waiting program. */
type Strike = () => void | Promise<void>;

interface Fault {
  /** Gets everything ready. @throws Error when there is nothing to damage. */
  prepare(target: FaultTarget): Promise<Strike>;
  /** Undoes the damage and gives the node's state afterwards. */
  heal(target: FaultTarget): Promise<NodeState>;
}

const STOP_LIMIT_MS = 15_000;
const HARMLESS_QUESTION = { ip: 'link show dev lo', bridge: 'link show' } as const;
/** States of a bridge port (linux/if_bridge.h). */
const PORT = { disabled: 0, forwarding: 3 } as const;
/** Nobody's: frames to it end at the switch. */
const NOBODY = '02:1e:00:00:ff:ff';

function directoryOf(target: FaultTarget): ReturnType<typeof nodeDirectory> {
  return nodeDirectory(target.pod.lab, target.host.name);
}

function runtimeOf(target: FaultTarget): string {
  return directoryOf(target).volume(RUNTIME_VOLUME);
}

/** The container, which must run. */
function runningContainer(target: FaultTarget, name: string): Container {
  const container = target.node.containers[name];
  if (container === undefined || !isRunning(container)) {
    throw new Error(`the ${name} container of ${target.host.name} does not run`);
  }
  return container;
}

function runningIngress(target: FaultTarget): number {
  if (!isAlive(target.node.ingress)) {
    throw new Error(`the ingress of ${target.host.name} does not run`);
  }
  return target.node.ingress.pid;
}

/** keepalived takes a second to stop; a container that is still stopping must not be taken for one that runs. */
async function waitForEnd({ node, host }: FaultTarget, name: string): Promise<void> {
  const container = node.containers[name];
  if (container === undefined) return;
  await waitFor(`the end of ${name} on ${host.name}`, () => !isRunning(container), { limitMs: STOP_LIMIT_MS });
}

/** The node with the container running: what is left of a dead one is removed, a running one is left alone. */
async function withContainer(target: FaultTarget, name: string): Promise<NodeState> {
  const { node, pod } = target;
  const present = node.containers[name];
  if (present !== undefined && isRunning(present)) {
    return node;
  }
  if (present !== undefined) {
    await killContainer(present);
  }
  return { ...node, containers: { ...node.containers, [name]: await startPodContainer(pod, name) } };
}

async function withIngress(target: FaultTarget): Promise<NodeState> {
  const { node, host } = target;
  if (isAlive(node.ingress)) {
    return node;
  }
  return { ...node, ingress: await startIngress({ host, directory: directoryOf(target).ingress }) };
}

async function withKubelet(target: FaultTarget): Promise<NodeState> {
  const { node, host } = target;
  if (isAlive(node.kubelet)) {
    return node;
  }
  return { ...node, kubelet: await startKubelet({ host, directory: directoryOf(target).kubelet }) };
}

/** A signal to the ingress's process group. */
function ingressSignal(signal: NodeJS.Signals): Fault['prepare'] {
  return async (target) => {
    const group = -runningIngress(target);
    return () => signalAll([group], signal);
  };
}

/** The fault's order to an `ip` or `bridge` inside the switch, and the order that undoes it. */
function switchFault(program: 'ip' | 'bridge', order: (port: string) => string, undo: (port: string) => string): Fault {
  const prepare = (target: FaultTarget) =>
    PreparedCommand.start(program, target.network.switchNetns, HARMLESS_QUESTION[program]);
  return {
    prepare: async (target) => {
      const command = await prepare(target);
      return () => command.run(order(target.host.name));
    },
    heal: async (target) => {
      const command = await prepare(target);
      await command.run(undo(target.host.name));
      return target.node;
    },
  };
}

/** Both ends address their packets to nobody: nothing comes back and nothing is refused, as when a network is dead. */
function apiBlackHole({ network, host }: FaultTarget, verb: 'replace' | 'delete'): Promise<unknown> {
  const entry = (peer: HostPlan) =>
    [peer.ipv4, peer.ipv6].map((address) =>
      verb === 'replace'
        ? `neighbour replace ${address} lladdr ${NOBODY} nud permanent dev ${INTERFACE}`
        : `neighbour delete ${address} dev ${INTERFACE}`,
    );
  return Promise.all([ipBatch(entry(network.api), host.netns), ipBatch(entry(host), network.api.netns)]);
}

async function prepareKeepalivedKill(target: FaultTarget): Promise<Strike> {
  const family = familyOf(runningContainer(target, 'keepalived').insidePid);
  const pids = family.filter((member) => member.name.startsWith('keepalived')).map((member) => member.pid);
  if (pids.length === 0) {
    throw new Error(`no keepalived runs on ${target.host.name}`);
  }
  // The parent first: it would start a new child.
  return () => signalAll(pids, 'SIGKILL');
}

async function prepareDrain(target: FaultTarget): Promise<Strike> {
  const container = runningContainer(target, 'keepalived');
  const [program, ...args] = target.pod.release.containers.find((each) => each.name === 'keepalived')?.preStop ?? [];
  if (program === undefined) {
    throw new Error('the keepalived container has no preStop hook');
  }
  return async () => {
    const { exitCode, stderr } = await execInContainer(container, { argv: [program, ...args] });
    if (exitCode !== 0) {
      throw new Error(`the preStop hook of ${target.host.name} failed with exit code ${exitCode}: ${stderr}`);
    }
  };
}

/** The node with everything running that should run, whatever ended it: as the kubelet sees to it. */
export async function revive(target: FaultTarget): Promise<NodeState> {
  let node = await withKubelet({ ...target, node: await withIngress(target) });
  for (const { name } of target.pod.release.containers) {
    node = await withContainer({ ...target, node }, name);
  }
  return node;
}

function continueAll(pids: readonly number[]): void {
  signalAll(pids, 'SIGCONT');
}

const FAULT_TABLE: Readonly<Record<FaultName, Fault>> = {
  'ingress-crash': { prepare: ingressSignal('SIGKILL'), heal: withIngress },
  'ingress-hang': {
    prepare: ingressSignal('SIGSTOP'),
    heal: async (target) => {
      continueAll(isAlive(target.node.ingress) ? [-target.node.ingress.pid] : []);
      return withIngress(target);
    },
  },
  'ingress-unhealthy': {
    prepare: async (target) => () => setIngressHealth(directoryOf(target).ingress, false),
    heal: async (target) => {
      await setIngressHealth(directoryOf(target).ingress, true);
      return target.node;
    },
  },
  'kubelet-down': {
    prepare: async ({ node }) => {
      return () => signalAll(isAlive(node.kubelet) ? [-node.kubelet.pid] : [], 'SIGKILL');
    },
    heal: withKubelet,
  },
  'api-unreachable': {
    prepare: async (target) => async () => {
      await apiBlackHole(target, 'replace');
    },
    heal: async (target) => {
      await apiBlackHole(target, 'delete');
      return target.node;
    },
  },
  'link-down': switchFault(
    'ip',
    (port) => `link set dev ${port} down`,
    (port) => `link set dev ${port} up`,
  ),
  'switch-cut': switchFault(
    'bridge',
    (port) => `link set dev ${port} state ${PORT.disabled}`,
    (port) => `link set dev ${port} state ${PORT.forwarding}`,
  ),
  'keepalived-term': {
    prepare: async (target) => {
      const container = runningContainer(target, 'keepalived');
      return () => signalContainer(container, 'SIGTERM');
    },
    heal: async (target) => {
      await waitForEnd(target, 'keepalived');
      return withContainer(target, 'keepalived');
    },
  },
  'keepalived-kill': { prepare: prepareKeepalivedKill, heal: (target) => withContainer(target, 'keepalived') },
  'sidecar-kill': {
    prepare: async (target) => {
      const container = runningContainer(target, 'sidecar');
      return async () => {
        signalContainer(container, 'SIGKILL');
        // On a busy machine that takes a while, and healing would take what is still ending for one that runs.
        await waitForEnd(target, 'sidecar');
      };
    },
    heal: (target) => withContainer(target, 'sidecar'),
  },
  'sidecar-hang': {
    prepare: async (target) => {
      const pids = familyOf(runningContainer(target, 'sidecar').insidePid).map((member) => member.pid);
      return () => signalAll(pids, 'SIGSTOP');
    },
    heal: async (target) => {
      const container = target.node.containers.sidecar;
      continueAll(container === undefined ? [] : familyOf(container.insidePid).map((member) => member.pid));
      return withContainer(target, 'sidecar');
    },
  },
  'node-freeze': {
    prepare: async (target) => {
      const pids = pidsInNetns(netnsPath(target.host.netns));
      return () => signalAll(pids, 'SIGSTOP');
    },
    heal: async (target) => {
      continueAll(pidsInNetns(netnsPath(target.host.netns)));
      return target.node;
    },
  },
  'bad-config': {
    prepare: async (target) => () => offerBrokenCandidate(runtimeOf(target)),
    heal: async (target) => {
      await restoreCandidate(runtimeOf(target));
      return target.node;
    },
  },
  drain: {
    prepare: prepareDrain,
    heal: async (target) => {
      await endDrain(runtimeOf(target));
      return target.node;
    },
  },
  cordon: {
    prepare: async ({ pod, host }) => prepareNode(pod.lab, host.name, () => cordoned(true)),
    heal: async ({ pod, host, node }) => {
      await (await prepareNode(pod.lab, host.name, () => cordoned(false)))();
      return node;
    },
  },
};

/** Injects one fault on several nodes at once. Gives the instant immediately before the first strike. */
export async function strike(name: FaultName, targets: readonly FaultTarget[]): Promise<Instant> {
  const strikes = await Promise.all(targets.map((target) => FAULT_TABLE[name].prepare(target)));
  const injectedAt = now();
  await Promise.all(strikes.map((each) => each()));
  return injectedAt;
}

/** Undoes a fault on one node. */
export async function heal(name: FaultName, target: FaultTarget): Promise<NodeState> {
  return FAULT_TABLE[name].heal(target);
}
