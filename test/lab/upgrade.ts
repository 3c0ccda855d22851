import { rm } from 'node:fs/promises';
import { type Instant, now } from '../support/clock.ts';
import { type Container, execInContainer, isRunning, stopContainer } from '../support/container.ts';
import type { Say } from '../support/print.ts';
import { type ChartValues, mentionsPassword, renderChart } from './chart.ts';
import { birdRootFor } from './machine.ts';
import { type Release, readRelease } from './manifests.ts';
import { defaultVip } from './network-plan.ts';
import { nodeDirectory } from './node-directory.ts';
import { type PodPlan, preparePod, writeFilesVolumes } from './pod.ts';
import { type LabState, labState, type NodeState } from './state.ts';
import { networkOf, targetOf } from './targets.ts';
import { absoluteFiles, startPod } from './up.ts';

/** What an upgrade did. */
export interface Upgrade {
  /** When the pods' files began to change. */
  readonly startedAt: Instant;
  readonly doneAt: Instant;
  /** Nodes whose pods were restarted, because Kubernetes would: their template changed. */
  readonly restarted: readonly string[];
}

/** Which values to use from now on. */
export interface UpgradeOptions {
  readonly values: ChartValues;
  /** Forget the values of before instead of adding to them. */
  readonly reset: boolean;
}

/** Volume of the pod that has the VRRP password. */
const PASSWORD_VOLUME = 'auth';

function newValues(before: ChartValues, { values, reset }: UpgradeOptions): ChartValues {
  const given = absoluteFiles(values);
  return reset ? given : { files: [...before.files, ...given.files], set: [...before.set, ...given.set] };
}

/** The chart draws a password at every rendering; in a cluster it finds the present one and keeps it. */
function keepPassword(fresh: Release, before: Release, values: ChartValues): Release {
  const kept = before.volumes[PASSWORD_VOLUME];
  if (kept === undefined || fresh.volumes[PASSWORD_VOLUME] === undefined || mentionsPassword(values)) {
    return fresh;
  }
  return { ...fresh, volumes: { ...fresh.volumes, [PASSWORD_VOLUME]: kept } };
}

/** Stops a container that may have ended before, in the kubelet's order: preStop hook, then SIGTERM. */
async function endContainer(container: Container | undefined, preStop: readonly string[] | undefined): Promise<void> {
  if (container === undefined) {
    return;
  }
  const [program, ...args] = preStop ?? [];
  if (program !== undefined && isRunning(container)) {
    await execInContainer(container, { argv: [program, ...args] });
  }
  await stopContainer(container);
}

/** Replaces a node's pod by a new one. */
async function restartPod(node: NodeState, before: Release, plan: PodPlan): Promise<NodeState> {
  for (const { name, preStop } of before.containers.toReversed()) {
    await endContainer(node.containers[name], preStop);
  }
  const directory = nodeDirectory(plan.lab, plan.host.name);
  for (const name of Object.keys(before.volumes)) {
    await rm(directory.volume(name), { recursive: true, force: true });
  }
  await preparePod(plan);
  return { ...node, containers: await startPod(plan) };
}

async function restartPods(state: LabState, before: Release, say: Say): Promise<NodeState[]> {
  const nodes: NodeState[] = [];
  for (const node of state.nodes) {
    say(`a new pod on ${node.name}`);
    nodes.push(await restartPod(node, before, targetOf(state, node.name).pod));
  }
  return nodes;
}

/**
 * Renders the chart with other values and puts the result into effect as `helm upgrade` would: ConfigMaps and Secrets change under
 * the running pods; where the pod template changed, pods are replaced one node after the other.
 * @throws Error when the chart refuses the values; the lab is then as before.
 */
export async function upgrade(lab: string, options: UpgradeOptions, say: Say): Promise<Upgrade> {
  let restarted: readonly string[] = [];
  let startedAt = now();
  await labState(lab).change(async (before) => {
    const values = newValues(before.values, options);
    const fresh = readRelease(await renderChart(before.helm, values, defaultVip(before.network)));
    const birdRoot = before.birdRoot ?? (await birdRootFor(fresh, say));
    const state = { ...before, values, birdRoot, release: keepPassword(fresh, before.release, values) };
    startedAt = now();
    if (fresh.podTemplate === before.release.podTemplate) {
      const plans = networkOf(state).nodes.map((host) => targetOf(state, host.name).pod);
      await Promise.all(plans.map(writeFilesVolumes));
      return state;
    }
    restarted = state.nodes.map((node) => node.name);
    return { ...state, nodes: await restartPods(state, before.release, say) };
  });
  return { startedAt, doneAt: now(), restarted };
}
