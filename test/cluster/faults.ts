import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, prepareSwitch, type Strike } from '../support/faults.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { listensInNetnsOf, type NamedProcess, namedProcesses, signalAll } from '../support/processes.ts';
import { succeeds } from '../support/succeeds.ts';
import { waitFor } from '../support/wait.ts';
import type { ClusterFaultName } from './fault-names.ts';
import { INGRESS_NAME, INGRESS_NAMESPACE } from './ingress.ts';
import { killMachine, type RunningMachine, switchService } from './machine.ts';
import { unplug } from './network.ts';
import type { ClusterParts } from './parts.ts';
import { API_SERVER_PORT, type ClusterPlan, type MachinePlan } from './plan.ts';
import { pidsOf, pidsOnMachine } from './status.ts';
import { bootMachine } from './up.ts';

/** A machine, as faults see it. */
export interface FaultTarget {
  readonly plan: ClusterPlan;
  readonly parts: ClusterParts;
  readonly machine: MachinePlan;
  /** Undefined while it is off. */
  readonly running: RunningMachine | undefined;
  readonly kubectl: Kubectl;
  readonly cgroup: string;
}

/** What became of the machine: the same, another boot of it, or nothing. */
type Outcome = RunningMachine | 'off';
type ClusterFault = Fault<FaultTarget, Outcome>;

/** After an outage of the API server, kubelets and controllers wait up to half a minute before they ask it again, one after the other. */
const BACK_LIMIT_MS = 150_000;
/** After the first crash the kubelet starts a container at once, after the second it waits for 10 s. */
const PATIENCE_MS = 15_000;
const FREEZE_LIMIT_MS = 30_000;
const DRAIN_LIMIT_MS = 120_000;
const INGRESS_PORT = 80;
const RELEASE_SELECTOR = 'app.kubernetes.io/name=keepalived-ingress-vip';

function on(target: FaultTarget): RunningMachine {
  if (target.running === undefined) throw new Error(`${target.machine.name} is off`);
  return target.running;
}

/** A signal to a program's processes on the machine. */
function signal(program: Parameters<typeof pidsOf>[1], name: NodeJS.Signals): ClusterFault['prepare'] {
  return async (target) => {
    on(target);
    const pids = pidsOf(target.machine, program);
    if (pids.length === 0) throw new Error(`no ${program} runs on ${target.machine.name}`);
    return () => signalAll(pids, name);
  };
}

function switchFault(fault: Parameters<typeof prepareSwitch>[0]): ClusterFault {
  const prepare = (order: 'strike' | 'heal', { plan, machine }: FaultTarget) =>
    prepareSwitch(fault, order, plan.switchNetns, machine.name);
  return {
    prepare: async (target) => {
      on(target);
      return prepare('strike', target);
    },
    heal: async (target) => (await prepare('heal', target))(),
  };
}

const LINK_CUT = switchFault('carrier lost');

/** SIGKILL to a service, as a crash does it: without a grace that an API server would use for a minute. It stays away. */
function serviceFault(name: 'kubelet' | 'kube-apiserver'): ClusterFault {
  const kill = signal(name, 'SIGKILL');
  return {
    prepare: async (target) => {
      const strike = await kill(target);
      await switchService(on(target), name, 'until its end');
      return strike;
    },
    heal: async ({ running }) => {
      if (running !== undefined) await switchService(running, name, 'on');
    },
  };
}

/** Waits until the machine's own API server is ready. */
async function waitForApi({ kubectl, machine }: FaultTarget): Promise<void> {
  const server = `--server=https://${machine.ipv4}:${API_SERVER_PORT}`;
  const ready = () => succeeds(() => kubectl(['get', '--raw', '/readyz', server]));
  await waitFor(`the API server of ${machine.name}`, ready, { limitMs: BACK_LIMIT_MS, everyMs: 200 });
}

/** A crash gives nobody notice: the cable goes first, so that no dying process says goodbye. */
async function prepareCrash(target: FaultTarget): Promise<Strike<Outcome>> {
  const running = on(target);
  const cut = await LINK_CUT.prepare(target);
  return async (): Promise<Outcome> => {
    await cut();
    await killMachine(running, target.cgroup);
    await unplug(target.plan, target.machine);
    return 'off';
  };
}

function boot(target: FaultTarget): Promise<RunningMachine> {
  return bootMachine(target.plan, target.machine, target.parts);
}

async function bootIfOff(target: FaultTarget): Promise<Outcome> {
  return target.running ?? (await boot(target));
}

/** Waits until a program of the release runs that the kubelet starts again; gives it a new pod where that waits long after several crashes. */
async function waitBack(target: FaultTarget, program: Parameters<typeof pidsOf>[1]): Promise<void> {
  const { machine } = target;
  const back = () => pidsOf(machine, program).length > 0;
  const wait = (limitMs: number) => waitFor(`${program} on ${machine.name}`, back, { limitMs, everyMs: 50 });
  await wait(PATIENCE_MS).catch(async () => {
    await renewPods(target, ['--all-namespaces', '-l', `${RELEASE_SELECTOR},app.kubernetes.io/component=node`]);
    await wait(BACK_LIMIT_MS);
  });
}

/** A new pod at once, where the kubelet would wait longer after each crash. */
async function renewPods({ kubectl, machine }: FaultTarget, selection: readonly string[]): Promise<void> {
  const onNode = `--field-selector=spec.nodeName=${machine.name}`;
  const limit = `--timeout=${BACK_LIMIT_MS / 1000}s`;
  await kubectl(['delete', 'pod', ...selection, onNode, '--wait=true', limit], { timeout: BACK_LIMIT_MS + 10_000 });
}

async function renewIngress(target: FaultTarget): Promise<void> {
  const { machine, running } = target;
  if (running === undefined) return;
  if (pidsOf(machine, 'ingress').length === 0) {
    await renewPods(target, ['-n', INGRESS_NAMESPACE, '-l', `app=${INGRESS_NAME}`]);
  }
  const serves = () => listensInNetnsOf(running.init.pid, INGRESS_PORT);
  await waitFor(`the ingress on ${machine.name}`, serves, { limitMs: BACK_LIMIT_MS, everyMs: 50 });
}

/** Everything on the machine stands still, or goes on; its network, which is the kernel's, works all the time. */
async function freeze({ cgroup, machine }: FaultTarget, state: 'FROZEN' | 'THAWED'): Promise<void> {
  const file = join('/sys/fs/cgroup/freezer', cgroup, machine.name, 'freezer.state');
  await writeFile(file, state);
  const reached = async () => (await readFile(file, 'utf8')).trim() === state;
  await waitFor(`${machine.name} to be ${state.toLowerCase()}`, reached, { limitMs: FREEZE_LIMIT_MS, everyMs: 5 });
}

/** The processes of the controllers of pools on a machine. They run in networks of their own pods. */
async function controllersOn({ cgroup, machine }: FaultTarget): Promise<number[]> {
  const isController = ({ commandLine }: NamedProcess) => commandLine.includes('/app/controller.cjs');
  return namedProcesses(await pidsOnMachine(cgroup, machine.name))
    .filter(isController)
    .map(({ pid }) => pid);
}

const CONTROLLERS = ['--all-namespaces', '-l', `${RELEASE_SELECTOR},app.kubernetes.io/component=controller`];

/** A signal to the controllers of pools on the machine. */
function signalControllers(signal: NodeJS.Signals): ClusterFault['prepare'] {
  return async (target) => {
    on(target);
    const pids = await controllersOn(target);
    if (pids.length === 0) throw new Error(`no controller of pools runs on ${target.machine.name}`);
    return () => signalAll(pids, signal);
  };
}

/** A kubectl command on the node. */
function kubectlFault(command: (node: string) => readonly string[], undo: ClusterFault['heal']): ClusterFault {
  return {
    prepare: async (target) => async () => {
      await target.kubectl(command(target.machine.name), { timeout: DRAIN_LIMIT_MS });
    },
    heal: undo,
  };
}

async function uncordon(target: FaultTarget): Promise<void> {
  await target.kubectl(['uncordon', target.machine.name]);
}

const FAULTS: Readonly<Record<ClusterFaultName, ClusterFault>> = {
  'ingress-crash': { prepare: signal('ingress', 'SIGKILL'), heal: renewIngress },
  'kubelet-stop': serviceFault('kubelet'),
  'apiserver-stop': {
    ...serviceFault('kube-apiserver'),
    heal: async (target) => {
      await serviceFault('kube-apiserver').heal(target);
      await waitForApi(target);
    },
  },
  'apiserver-hang': {
    prepare: signal('kube-apiserver', 'SIGSTOP'),
    heal: async (target) => {
      signalAll(pidsOf(target.machine, 'kube-apiserver'), 'SIGCONT');
      await waitForApi(target);
    },
  },
  'link-cut': LINK_CUT,
  'switch-cut': switchFault('frames lost'),
  'node-crash': { prepare: prepareCrash, heal: bootIfOff },
  'node-reboot': {
    prepare: async (target) => {
      const crash = await prepareCrash(target);
      return async () => {
        await crash();
        return boot(target);
      };
    },
    heal: bootIfOff,
  },
  'keepalived-kill': {
    prepare: signal('keepalived', 'SIGKILL'),
    heal: (target) => waitBack(target, 'keepalived'),
  },
  'sidecar-kill': { prepare: signal('sidecar', 'SIGKILL'), heal: (target) => waitBack(target, 'sidecar') },
  'sidecar-hang': {
    prepare: signal('sidecar', 'SIGSTOP'),
    heal: async (target) => {
      signalAll(pidsOf(target.machine, 'sidecar'), 'SIGCONT');
      return waitBack(target, 'sidecar');
    },
  },
  'node-freeze': {
    prepare: async (target) => {
      on(target);
      return () => freeze(target, 'FROZEN');
    },
    heal: async (target) => {
      if (target.running !== undefined) await freeze(target, 'THAWED');
    },
  },
  'controller-kill': {
    prepare: signalControllers('SIGKILL'),
    heal: async (target) => {
      if ((await controllersOn(target)).length === 0) await renewPods(target, CONTROLLERS);
    },
  },
  'controller-hang': {
    prepare: signalControllers('SIGSTOP'),
    heal: async (target) => {
      // The kubelet may have killed it meanwhile, and waits before it starts it again.
      if ((await controllersOn(target)).length === 0) await renewPods(target, CONTROLLERS);
      else signalAll(await controllersOn(target), 'SIGCONT');
    },
  },
  'pod-delete': kubectlFault(
    (node) => [
      ...['delete', 'pod', '--all-namespaces', '-l', RELEASE_SELECTOR],
      ...[`--field-selector=spec.nodeName=${node}`, '--wait=false'],
    ],
    async () => undefined,
  ),
  drain: kubectlFault(
    (node) => ['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=100s'],
    uncordon,
  ),
  cordon: kubectlFault((node) => ['cordon', node], uncordon),
};

/** Gets a fault ready; nothing has happened yet. @throws Error when there is nothing to damage. */
export function prepareFault(name: ClusterFaultName, target: FaultTarget): Promise<Strike<Outcome>> {
  return FAULTS[name].prepare(target);
}

/** Undoes a fault; gives the machine afterwards where it is not as before. */
export function healFault(name: ClusterFaultName, target: FaultTarget): ReturnType<ClusterFault['heal']> {
  return FAULTS[name].heal(target);
}
