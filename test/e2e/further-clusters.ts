import { inject } from 'vitest';
import { takeDown } from '../cluster/down.ts';
import { planCluster } from '../cluster/plan.ts';
import { type ClusterState, clusterState } from '../cluster/state.ts';
import { bringUp, type ClusterOptions } from '../cluster/up.ts';
import { ownSite, Site, type SiteDescription } from '../environment/site.ts';
import { say } from '../support/print.ts';
import { controlPlanesOf, secondOf } from './own-clusters.ts';

async function bringUpBeside(own: string, options: Omit<ClusterOptions, 'nodes' | 'ingress'>): Promise<ClusterState> {
  await takeDown(options.name); // what a run left that was killed
  const { parts } = clusterState(own).read();
  return bringUp({ nodes: 3, ingress: true, ...options }, parts, inject('archives'), say);
}

/**
 * Brings up a further cluster: three nodes, each with an API server and an etcd member of its own. The site's address is the one that the
 * API servers' certificates name.
 */
export async function bringUpControlPlanes({ cluster, description }: Site): Promise<Site> {
  const name = controlPlanesOf(cluster.name);
  const state = await bringUpBeside(cluster.name, { name, controlPlanes: 3 });
  return new Site(ownSite(state, description, planCluster(state.shape).apiVip));
}

/**
 * Where a file's tests run that may run beside those of another file: the first lane has the tests' own cluster, the second one like it, which
 * its first file brings up. On the user's cluster there is one lane.
 */
export async function siteOfLane(own: SiteDescription, lane: number): Promise<SiteDescription> {
  if (own.cluster === undefined || lane === 1) return own;
  const name = secondOf(own.cluster);
  const state = clusterState(name);
  const up = state.exists() ? state.read() : await bringUpBeside(own.cluster, { name, controlPlanes: 1 });
  return ownSite(up, own);
}
