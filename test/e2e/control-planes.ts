import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { planCluster } from '../cluster/plan.ts';
import { bringUp } from '../cluster/up.ts';
import { ownSite, Site } from '../environment/site.ts';
import { say } from '../support/print.ts';

/** How many letters of a name leave room for two more. */
const NAME_LENGTH = 6;

/** Name of the cluster with three control planes that belongs to the tests' cluster. */
export function controlPlanesOf(cluster: string): string {
  return `${cluster.slice(0, NAME_LENGTH)}cp`;
}

/**
 * Brings up a second cluster: three nodes, each with an API server and an etcd member of its own. The site's address is the one that the
 * API servers' certificates name.
 */
export async function bringUpControlPlanes(site: Site): Promise<Site> {
  const { shape, parts } = site.cluster.state;
  const name = controlPlanesOf(shape.name);
  await takeDown(name); // what a run left that was killed
  const options = { name, nodes: 3, controlPlanes: 3, ingress: true };
  const state = await bringUp(options, parts, await imageArchives(say), say);
  return new Site(ownSite(state, site.description, planCluster(state.shape).apiVip));
}
