import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listNetns, netnsPath } from '../support/netns.ts';
import { say } from '../support/print.ts';
import { killAll, namedProcesses, type ProcessRef, processRef, refsInNetns } from '../support/processes.ts';
import { restoreKernel } from './kernel-limits.ts';
import { killMachine, removeCgroups, removeEmptyCgroup } from './machine.ts';
import { removeNetwork } from './network.ts';
import { type ClusterPlan, ownsNetns, planCluster } from './plan.ts';
import { clusterCgroup, clusterDirectory, clusterState } from './state.ts';

const END_LIMIT_MS = 20_000;

/** Keepers of machines that a command started without getting to write it down: they name their disk. */
function strayKeepers(cluster: string): ProcessRef[] {
  const disk = `${join(clusterDirectory(cluster), 'machines')}/`;
  return namedProcesses()
    .filter(({ name, commandLine }) => name === 'unshare' && commandLine.includes(` ${disk}`))
    .flatMap(({ pid }) => processRef(pid) ?? []);
}

async function killStrays(cluster: string): Promise<void> {
  const namespaces = listNetns().filter((netns) => ownsNetns(cluster, netns));
  await killAll([...strayKeepers(cluster), ...refsInNetns(namespaces.map(netnsPath))], END_LIMIT_MS);
}

/** The plan of a cluster of which nothing but the name may be known: enough to find what belongs to it. */
function planOf(cluster: string): ClusterPlan {
  const state = clusterState(cluster);
  return planCluster(state.exists() ? state.read().shape : { name: cluster, nodes: 1, controlPlanes: 1, subnet: 0 });
}

/**
 * Removes a cluster: processes, namespaces, cgroups and disks. Works on what is really there, so also after a crash, and does
 * nothing when there is nothing.
 * @throws Error when something does not go away.
 */
export async function takeDown(cluster: string): Promise<void> {
  const state = clusterState(cluster);
  const machines = state.exists() ? state.read().machines : [];
  const cgroup = clusterCgroup(cluster);
  await Promise.all(machines.map((machine) => killMachine(machine, cgroup)));
  await killStrays(cluster);
  await removeNetwork(planOf(cluster));
  await removeCgroups(cgroup);
  await removeEmptyCgroup('kivc');
  await rm(clusterDirectory(cluster), { recursive: true, force: true });
  await restoreKernel(cluster, say);
}
