import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { takeDown } from '../cluster/down.ts';
import { clusterDirectory } from '../cluster/state.ts';
import { say } from '../support/print.ts';

/** A cluster's name has eight letters at most; those of further clusters are up to three longer. */
const NAME_LENGTH = 5;

/** Name of the cluster that the tests bring up: E2E_CLUSTER, or `e2e`. @throws Error when it is too long */
export function ownClusterName(environment: NodeJS.ProcessEnv = process.env): string {
  const name = environment.E2E_CLUSTER || 'e2e';
  if (name.length <= NAME_LENGTH) return name;
  throw new Error(
    `E2E_CLUSTER=${name} is too long: at most ${NAME_LENGTH} letters, for names of further clusters begin with it`,
  );
}

/** Name of the cluster of those tests that run beside others. */
export function secondOf(cluster: string): string {
  return `${cluster}2`;
}

/** Name of the cluster with three control planes that belongs to a cluster of the tests. */
export function controlPlanesOf(cluster: string): string {
  return `${cluster}cp`;
}

/** Whether the tests' cluster stays after them, and is used as it is by the next: E2E_KEEP is set. */
export function keepsOwnCluster(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(environment.E2E_KEEP);
}

/** Of this machine, as names of network namespaces are. */
const LOCKS = '/run/keepalived-ingress-vip-clusters';

/**
 * Runs something that brings the tests' clusters up and removes what an earlier run left of them, while no other run does.
 * @throws ToolError when another one is at it: it would lose its clusters
 */
export function aloneOnOwnClusters<T>(work: () => Promise<T>, folder: string = LOCKS): Promise<T> {
  const name = ownClusterName();
  const what = `running the end-to-end tests on the cluster ${name} (set E2E_CLUSTER to another name to run them beside it)`;
  return withLock(join(folder, `tests-${name}.lock`), 0, say, work, what);
}

/** Removes what is left of the clusters that tests brought up: after a run that was interrupted all of them. One that is kept stays. */
export async function removeOwnClusters(): Promise<void> {
  const own = ownClusterName();
  const second = secondOf(own);
  const further = [controlPlanesOf(own), controlPlanesOf(second), second];
  for (const name of [...further, ...(keepsOwnCluster() ? [] : [own])]) {
    if (existsSync(clusterDirectory(name))) await takeDown(name);
  }
}
