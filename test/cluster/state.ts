import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache-folder.ts';
import type { ActiveFault } from '../support/faults.ts';
import { type Kubectl, kubectlFor } from '../support/kubectl.ts';
import { StateFile } from '../support/state-file.ts';
import type { ClusterFaultName } from './fault-names.ts';
import type { RunningMachine } from './machine.ts';
import type { ClusterParts } from './parts.ts';
import type { ClusterShape } from './plan.ts';

/** Everything that one command of the cluster must leave for the next. */
export interface ClusterState {
  readonly shape: ClusterShape;
  readonly parts: ClusterParts;
  /** Those that are switched on. */
  readonly machines: readonly RunningMachine[];
  readonly faults: readonly ActiveFault<ClusterFaultName>[];
}

/** A fault or its repair may wait for Kubernetes. */
const LOCK_LIMIT_MS = 180_000;

/** Directory below which every cluster keeps its files: beside the unpacked images, whose files the machines share. */
function clustersDirectory(): string {
  return join(cacheFolder(), 'clusters');
}

/** Where a cluster keeps everything. */
export function clusterDirectory(cluster: string): string {
  return join(clustersDirectory(), cluster);
}

/** A machine's disk. */
export function machineDirectory(cluster: string, machine: string): string {
  return join(clusterDirectory(cluster), 'machines', machine);
}

/** The kubeconfig of the cluster's administrator. */
export function adminKubeconfig(cluster: string): string {
  return join(clusterDirectory(cluster), 'kubeconfig');
}

/** Below each cgroup hierarchy. */
export function clusterCgroup(cluster: string): string {
  return `kivc/${cluster}`;
}

/** What is known of a cluster. */
export function clusterState(cluster: string): StateFile<ClusterState> {
  return new StateFile(join(clusterDirectory(cluster), 'state.json'), 'cluster', LOCK_LIMIT_MS);
}

/** Names of all clusters that are up, or were left behind. */
export function listClusters(): string[] {
  try {
    return readdirSync(clustersDirectory());
  } catch {
    return [];
  }
}

/** The kubectl of a cluster, of the same version as its API servers. */
export function clusterKubectl(state: Pick<ClusterState, 'shape' | 'parts'>): Kubectl {
  return kubectlFor(join(state.parts.kubernetes, 'kubectl'), adminKubeconfig(state.shape.name));
}
