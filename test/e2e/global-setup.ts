import { existsSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { type ClusterParts, readyParts } from '../cluster/parts.ts';
import { type ClusterState, clusterState } from '../cluster/state.ts';
import { bringUp } from '../cluster/up.ts';
import { ownSite, type SiteDescription } from '../environment/site.ts';
import { say } from '../support/print.ts';
import { keepsOwnCluster, ownClusterName, removeOwnClusters } from './own-clusters.ts';

/** The cluster that the tests bring up and take down; with E2E_KEEP it stays, and the next run uses it as it is. */
const CLUSTER = ownClusterName();

declare module 'vitest' {
  interface ProvidedContext {
    readonly site: SiteDescription;
  }
}

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`KUBECONFIG is set, so the tests use that cluster; ${name} is needed as well, see docs/cluster.md`);
  }
  return value;
}

/** The cluster of the environment variable KUBECONFIG. */
async function usersSite(kubeconfig: string): Promise<SiteDescription> {
  const values = process.env.E2E_VALUES;
  if (!existsSync(kubeconfig)) throw new Error(`KUBECONFIG names ${kubeconfig}, which does not exist`);
  return {
    kubeconfig,
    kubectl: process.env.E2E_KUBECTL || 'kubectl',
    helm: await ensureTool('helm'),
    helm3: await ensureTool('helm3'),
    vip: need('E2E_VIP'),
    valuesFiles: values === undefined || values === '' ? [] : [values],
    cluster: undefined,
  };
}

async function ownCluster(parts: ClusterParts, archives: readonly ImageArchive[]): Promise<ClusterState> {
  const state = clusterState(CLUSTER);
  if (keepsOwnCluster() && state.exists()) return state.read();
  // What a run left that was killed.
  await takeDown(CLUSTER);
  return bringUp({ name: CLUSTER, nodes: 3, controlPlanes: 1, ingress: true }, parts, archives, say);
}

/** The project's own cluster, brought up for these tests. */
async function bringUpSite(): Promise<SiteDescription> {
  const parts = await readyParts(say);
  const archives = await imageArchives(say);
  const [helm, helm3] = [await ensureTool('helm'), await ensureTool('helm3')];
  return ownSite(await ownCluster(parts, archives), { helm, helm3 });
}

let site: SiteDescription | undefined;

/** Brings the cluster up, or takes the one of KUBECONFIG, and tells the tests where it is. */
export async function setup(project: TestProject): Promise<void> {
  const kubeconfig = process.env.KUBECONFIG;
  site = kubeconfig ? await usersSite(kubeconfig) : await bringUpSite();
  project.provide('site', site);
}

/** Removes the cluster, if it is the tests' own. */
export async function teardown(): Promise<void> {
  if (site?.cluster !== undefined) await removeOwnClusters();
}
