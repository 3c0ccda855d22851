import { existsSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import type { ImageArchive } from '../../scripts/images.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { imageArchives } from '../cluster/images.ts';
import { type ClusterParts, readyParts } from '../cluster/parts.ts';
import { type ClusterState, clusterState } from '../cluster/state.ts';
import { bringUp } from '../cluster/up.ts';
import { ownSite, type SiteDescription } from '../environment/site.ts';
import { say } from '../support/print.ts';
import { keepsOwnCluster, ownClusterName, removeOwnClusters } from './own-clusters.ts';

/** The cluster that the tests bring up and take down; with E2E_KEEP it stays, and the next run uses it as it is. */
const CLUSTER = ownClusterName();
const PROVIDED = Symbol.for('what the end-to-end tests are provided with');

interface Provided {
  readonly site: SiteDescription;
  /** The images that the nodes of own clusters have. */
  readonly archives: readonly ImageArchive[];
}

declare module 'vitest' {
  interface ProvidedContext extends Provided {}
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
  await removeOwnClusters(); // what a run left that was killed
  const state = clusterState(CLUSTER);
  if (keepsOwnCluster() && state.exists()) return state.read();
  return bringUp({ name: CLUSTER, nodes: 3, controlPlanes: 1, ingress: true }, parts, archives, say);
}

/** The project's own cluster, brought up for these tests. */
async function bringUpSite(): Promise<Provided> {
  const parts = await readyParts(say);
  const archives = await imageArchives(say);
  const [helm, helm3] = [await ensureTool('helm'), await ensureTool('helm3')];
  return { site: ownSite(await ownCluster(parts, archives), { helm, helm3 }), archives };
}

async function bringUpOrTake(): Promise<Provided> {
  const kubeconfig = process.env.KUBECONFIG;
  return kubeconfig ? { site: await usersSite(kubeconfig), archives: [] } : bringUpSite();
}

/** Vitest sets all projects up in one process: what the first of these tests' has brought up is the other's as well. */
const shared = globalThis as { [PROVIDED]?: Promise<Provided> };

/** Brings the cluster up, or takes the one of KUBECONFIG, and tells the tests where it is. */
export async function setup(project: TestProject): Promise<void> {
  shared[PROVIDED] ??= bringUpOrTake();
  const { site, archives } = await shared[PROVIDED];
  project.provide('site', site);
  project.provide('archives', archives);
}

/** Removes the cluster, if it is the tests' own. */
export async function teardown(): Promise<void> {
  const provided = await shared[PROVIDED]?.catch(() => undefined);
  if (provided?.site.cluster !== undefined) await removeOwnClusters();
}
