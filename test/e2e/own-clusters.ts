import { existsSync } from 'node:fs';
import { takeDown } from '../cluster/down.ts';
import { clusterDirectory } from '../cluster/state.ts';
import { controlPlanesOf } from './control-planes.ts';

/** Name of the cluster that the tests bring up: E2E_CLUSTER, or `e2e`. */
export function ownClusterName(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.E2E_CLUSTER || 'e2e';
}

/** Whether that cluster stays after the tests, and is used as it is by the next: E2E_KEEP is set. */
export function keepsOwnCluster(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(environment.E2E_KEEP);
}

/** Removes the clusters that the tests brought up and did not remove: all if they were interrupted. One that is kept stays. */
export async function removeOwnClusters(): Promise<void> {
  const own = ownClusterName();
  for (const name of [controlPlanesOf(own), ...(keepsOwnCluster() ? [] : [own])]) {
    if (existsSync(clusterDirectory(name))) await takeDown(name);
  }
}
