import { chmod, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { type Container, isRunning } from '../support/container.ts';
import type { Say } from '../support/print.ts';
import { listensInNetnsOf } from '../support/processes.ts';
import { RELEASE_NAMESPACE } from '../support/release-names.ts';
import { type WaitOptions, waitFor } from '../support/wait.ts';
import { type RunningApi, startApi } from './api.ts';
import { apiDirectory, ObjectFiles, objectsDirectory } from './api-objects.ts';
import { type ChartValues, renderChart } from './chart.ts';
import { takeDown } from './down.ts';
import { birdRootFor, type MachineParts } from './machine.ts';
import { type Release, readRelease } from './manifests.ts';
import { LABS_DIRECTORY, labDirectory } from './names.ts';
import { allHosts, defaultVip, type HostPlan, type NetworkPlan, planNetwork } from './network-plan.ts';
import type { NetworkName } from './networks.ts';
import { startIngress, startKubelet } from './nginx.ts';
import { nodeDirectory } from './node-directory.ts';
import { writeNodes } from './node-objects.ts';
import { type PodPlan, podName, preparePod, startPodContainer } from './pod.ts';
import { type LabState, labState, type NodeState } from './state.ts';
import { holdersOf } from './status.ts';
import { networkOf, podPlanOf } from './targets.ts';
import { createTopology } from './topology.ts';

/** What `up` takes. */
export interface UpOptions {
  readonly name: string;
  readonly nodes: number;
  /** By default `flat`. */
  readonly network?: NetworkName;
  readonly values: ChartValues;
  /** Changes what the chart rendered before it is carried out, e.g. to run something else for comparison. */
  readonly adapt?: (release: Release) => Release;
}

const COMMAND_LIMIT_MS = 60_000;
/** The first election takes a few advertisement intervals; a node without health information waits for its first results. */
const HOLDER_LIMIT_MS = 60_000;

/** The lab's directory, in memory: no disk slows down what is measured, and a reboot leaves nothing. */
async function makeDirectory(lab: string): Promise<void> {
  await mkdir(LABS_DIRECTORY, { recursive: true });
  await chmod(LABS_DIRECTORY, 0o700);
  const directory = labDirectory(lab);
  try {
    await mkdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new LabExistsError(lab);
    }
    throw error;
  }
  await execa('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'tmpfs', directory], { timeout: COMMAND_LIMIT_MS });
}

/** There is a lab of this name, or what is left of one. */
class LabExistsError extends Error {
  constructor(lab: string) {
    super(`the lab ${lab} is up already (or was left behind): \`down\` removes it`);
  }
}

async function writePods(lab: string, plan: NetworkPlan, release: Release): Promise<void> {
  for (const [index, host] of plan.nodes.entries()) {
    await new ObjectFiles(lab, 'pods').write(podName(release, host), {
      metadata: {
        namespace: RELEASE_NAMESPACE,
        uid: `00000000-0000-0000-0000-${String(index + 1).padStart(12, '0')}`,
        labels: release.podLabels,
      },
      spec: { nodeName: host.name, hostNetwork: true },
      status: { phase: 'Running', hostIP: host.address, podIP: host.address },
    });
  }
}

/** Starts the pod's containers one after the other, as the kubelet does: keepalived when the sidecar answers. */
export async function startPod(plan: PodPlan): Promise<Record<string, Container>> {
  const containers: Record<string, Container> = {};
  const port = Number(new URL(plan.release.sidecarUrl).port);
  for (const { name } of plan.release.containers) {
    const container = await startPodContainer(plan, name);
    containers[name] = container;
    if (name === 'sidecar') {
      await waitFor(`the sidecar of ${plan.host.name}`, () => {
        if (!isRunning(container)) {
          throw new Error(`the sidecar of ${plan.host.name} ended at once`);
        }
        return listensInNetnsOf(container.insidePid, port);
      });
    }
  }
  return containers;
}

async function startNode(plan: PodPlan): Promise<NodeState> {
  const { lab, host } = plan;
  const directory = nodeDirectory(lab, host.name);
  await mkdir(directory.path, { recursive: true });
  const [ingress, kubelet] = await Promise.all([
    startIngress({ host, directory: directory.ingress }),
    startKubelet({ host, directory: directory.kubelet }),
    preparePod(plan),
  ]);
  return { name: host.name, ingress, kubelet, containers: await startPod(plan) };
}

async function build(options: UpOptions, machine: MachineParts, release: Release, say: Say): Promise<LabState> {
  const plan = planNetwork(options.name, options.nodes, options.network);
  await createTopology(plan);
  say(
    `${allHosts(plan).length} machines on ${plan.switches.length === 1 ? 'one switch' : `${plan.switches.length} switches`}`,
  );
  await writePods(options.name, plan, release);
  await writeNodes(options.name, plan.nodes);
  const api: RunningApi = await startApi({
    host: plan.api,
    directory: apiDirectory(options.name),
    objectsDirectory: objectsDirectory(options.name),
  });
  const birdRoot = await birdRootFor(release, say);
  const base = { name: options.name, ...machine, birdRoot, release, api };
  const start = (host: HostPlan) => startNode(podPlanOf(base, plan, host));
  const nodes = await Promise.all(plan.nodes.map(start));
  say(`${nodes.length} nodes run ingress, kubelet, sidecar and keepalived`);
  return { ...base, nodeCount: options.nodes, network: plan.network, values: options.values, nodes, faults: [] };
}

/**
 * Brings a lab up and leaves it running. On failure nothing of it is left.
 * @throws Error that says why; when there is one of this name already, that one is not touched.
 */
export async function bringUp(given: UpOptions, machine: MachineParts, say: Say): Promise<LabState> {
  const options = { ...given, values: absoluteFiles(given.values) };
  const { network } = planNetwork(options.name, options.nodes, options.network);
  const rendered = readRelease(await renderChart(machine.helm, options.values, defaultVip(network)));
  const release = options.adapt?.(rendered) ?? rendered;
  await makeDirectory(options.name);
  try {
    const state = await build(options, machine, release, say);
    await labState(state.name).write(state);
    return state;
  } catch (error) {
    await takeDown(options.name);
    throw error;
  }
}

/** The values with files that another command finds again from wherever it is started. */
export function absoluteFiles(values: ChartValues): ChartValues {
  return { files: values.files.map((file) => resolve(file)), set: values.set };
}

/**
 * Waits until exactly one node holds each address, and gives the node that holds the first.
 * @param options by default the wait has a limit of a minute
 * @throws Error that says who holds what, when that does not come to pass.
 */
export async function waitForOneHolder(state: LabState, options: Partial<WaitOptions> = {}): Promise<string> {
  const plan = networkOf(state);
  const { addresses } = state.release;
  let seen: string[][] = [];
  return waitFor(
    `exactly one holder of ${addresses.join(', ')}`,
    async () => {
      seen = await Promise.all(addresses.map((address) => holdersOf(plan, address)));
      return seen.every((holders) => holders.length === 1) ? seen[0]?.[0] : undefined;
    },
    { limitMs: HOLDER_LIMIT_MS, ...options },
    () => addresses.map((address, index) => `${address} is on ${seen[index]?.join(' and ') || 'no node'}`).join('; '),
  );
}
