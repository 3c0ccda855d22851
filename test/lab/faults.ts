import { type Instant, now } from '../support/clock.ts';
import { type Container, execInContainer, isRunning, killContainer, signalContainer } from '../support/container.ts';
import { type Fault, prepareSwitch, type Strike } from '../support/faults.ts';
import { INTERFACE, ip, ipBatch, netnsPath, sysctl } from '../support/netns.ts';
import { PreparedCommand } from '../support/prepared-command.ts';
import { familyOf, isAlive, pidsInNetns, signalAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';
import type { FaultName } from './fault-names.ts';
import { addressesOf, type HostPlan, type NetworkPlan, type NicPlan } from './network-plan.ts';
import { setIngressHealth, startIngress, startKubelet } from './nginx.ts';
import { nodeDirectory } from './node-directory.ts';
import { cordoned, prepareNode } from './node-objects.ts';
import { type PodPlan, startPodContainer } from './pod.ts';
import { endDrain, offerBrokenCandidate, RUNTIME_VOLUME, restoreCandidate } from './runtime-files.ts';
import type { NodeState } from './state.ts';
import { addressCommands, replug } from './topology.ts';

/** A node, as faults see it. */
export interface FaultTarget {
  readonly network: NetworkPlan;
  readonly host: HostPlan;
  readonly pod: PodPlan;
  readonly node: NodeState;
  /** The interface that faults of the network are about. */
  readonly nic: NicPlan;
}

type LabFault = Fault<FaultTarget, NodeState>;
type LabStrike = Strike<NodeState>;

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
  await waitFor(`the end of ${name} on ${host.name}`, () => !isRunning(container));
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
  if (isAlive(node.ingress)) return node;
  return { ...node, ingress: await startIngress({ host, directory: directoryOf(target).ingress }) };
}

async function withKubelet(target: FaultTarget): Promise<NodeState> {
  const { node, host } = target;
  if (isAlive(node.kubelet)) return node;
  return { ...node, kubelet: await startKubelet({ host, directory: directoryOf(target).kubelet }) };
}

/** A signal to the ingress's process group. */
function ingressSignal(signal: NodeJS.Signals): LabFault['prepare'] {
  return async (target) => {
    const group = -runningIngress(target);
    return () => signalAll([group], signal);
  };
}

function switchFault(fault: Parameters<typeof prepareSwitch>[0]): LabFault {
  const prepare = (order: 'strike' | 'heal', { network, nic }: FaultTarget) =>
    prepareSwitch(fault, order, network.switchNetns, nic.port);
  return {
    prepare: (target) => prepare('strike', target),
    heal: async (target) => (await prepare('heal', target))(),
  };
}

/** Both ends address their packets to nobody: nothing comes back and nothing is refused, as when a network is dead. */
async function apiBlackHole({ network, host }: FaultTarget, verb: 'replace' | 'delete'): Promise<void> {
  const entry = (peer: HostPlan) =>
    [...addressesOf(peer, 4), ...addressesOf(peer, 6)].map((address) =>
      verb === 'replace'
        ? `neighbour replace ${address} lladdr ${NOBODY} nud permanent dev ${INTERFACE}`
        : `neighbour delete ${address} dev ${INTERFACE}`,
    );
  await Promise.all([ipBatch(entry(network.api), host.netns), ipBatch(entry(host), network.api.netns)]);
}

/** Orders for an `ip` that waits on the node; the fault begins with the last line. */
async function prepareOnNode(target: FaultTarget, orders: readonly string[]): Promise<LabStrike> {
  const command = await PreparedCommand.start('ip', target.host.netns, 'link show dev lo');
  return () => command.run(orders.join('\n'));
}

async function prepareAddressLost(target: FaultTarget): Promise<LabStrike> {
  const { name, addresses } = target.nic;
  if (addresses.length === 0) {
    throw new Error(`${name} of ${target.host.name} has no address of its own`);
  }
  // Only what is there: two faults may meet.
  const present = await ip(['-o', 'address', 'show', 'dev', name], target.host.netns);
  const there = addresses.filter((address) => present.includes(` ${address} `));
  return prepareOnNode(
    target,
    there.map((address) => `address delete ${address} dev ${name}`),
  );
}

async function prepareSecondAddress(target: FaultTarget): Promise<LabStrike> {
  const { name, second } = target.nic;
  if (second === undefined) {
    throw new Error(`${name} of ${target.host.name} has no IPv6`);
  }
  return prepareOnNode(target, [`address add ${second} dev ${name} valid_lft 86400 preferred_lft 14400 nodad`]);
}

/** The first virtual address with the prefix that people type: that of the interface's subnet. */
function vipByHand({ nic, pod, host }: FaultTarget): string {
  const [vip] = pod.release.addresses;
  const own = nic.addresses.find((address) => address.includes(':') === vip?.includes(':'));
  if (vip === undefined || own === undefined) {
    throw new Error(
      `${nic.name} of ${host.name} has no subnet for ${vip ?? 'an address, of which the release has none'}`,
    );
  }
  return `${vip}${own.slice(own.indexOf('/'))}`;
}

/** What `disable_ipv6` took away does not come back by itself, but for loopback and link-local addresses. */
async function healIpv6({ host }: FaultTarget): Promise<void> {
  await sysctl(host.netns, { 'net.ipv6.conf.all.disable_ipv6': '0' });
  await ipBatch(
    host.nics.flatMap(addressCommands).filter((command) => command.includes(':')),
    host.netns,
  );
}

async function prepareKeepalivedKill(target: FaultTarget): Promise<LabStrike> {
  const family = familyOf(runningContainer(target, 'keepalived').insidePid);
  const pids = family.filter((member) => member.name.startsWith('keepalived')).map((member) => member.pid);
  if (pids.length === 0) {
    throw new Error(`no keepalived runs on ${target.host.name}`);
  }
  // The parent first: it would start a new child.
  return () => signalAll(pids, 'SIGKILL');
}

async function prepareDrain(target: FaultTarget): Promise<LabStrike> {
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

const FAULT_TABLE: Readonly<Record<FaultName, LabFault>> = {
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
    heal: (target) => setIngressHealth(directoryOf(target).ingress, true),
  },
  'kubelet-down': {
    prepare:
      async ({ node }) =>
      () =>
        signalAll(isAlive(node.kubelet) ? [-node.kubelet.pid] : [], 'SIGKILL'),
    heal: withKubelet,
  },
  'api-unreachable': {
    prepare: async (target) => () => apiBlackHole(target, 'replace'),
    heal: (target) => apiBlackHole(target, 'delete'),
  },
  'link-down': switchFault('carrier lost'),
  'switch-cut': switchFault('frames lost'),
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
    heal: async (target) => continueAll(pidsInNetns(netnsPath(target.host.netns))),
  },
  'bad-config': {
    prepare: async (target) => () => offerBrokenCandidate(runtimeOf(target)),
    heal: (target) => restoreCandidate(runtimeOf(target)),
  },
  drain: {
    prepare: prepareDrain,
    heal: (target) => endDrain(runtimeOf(target)),
  },
  'address-lost': {
    prepare: prepareAddressLost,
    heal: ({ host, nic }) => ipBatch(addressCommands(nic), host.netns),
  },
  'second-address': {
    prepare: prepareSecondAddress,
    heal: ({ host, nic }) => ipBatch([`address delete ${nic.second} dev ${nic.name}`], host.netns),
  },
  'vip-by-hand': {
    prepare: (target) => prepareOnNode(target, [`address add ${vipByHand(target)} dev ${target.nic.name} nodad`]),
    heal: async (target) => {
      // The product may have removed it long ago.
      await ip(['address', 'delete', vipByHand(target), 'dev', target.nic.name], target.host.netns).catch(() => '');
    },
  },
  'ipv6-off': {
    prepare:
      async ({ host }) =>
      () =>
        sysctl(host.netns, { 'net.ipv6.conf.all.disable_ipv6': '1' }),
    heal: healIpv6,
  },
  'nic-gone': {
    prepare: (target) => prepareOnNode(target, [`link delete dev ${target.nic.name}`]),
    heal: ({ network, host, nic }) => replug(network, host, nic),
  },
  cordon: {
    prepare: async ({ pod, host }) => prepareNode(pod.lab, host.name, () => cordoned(true)),
    heal: async ({ pod, host }) => (await prepareNode(pod.lab, host.name, () => cordoned(false)))(),
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
  return (await FAULT_TABLE[name].heal(target)) ?? target.node;
}
