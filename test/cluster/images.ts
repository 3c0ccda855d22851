import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findEngine } from '../../scripts/images/engine.ts';
import { ensureImageArchives, type ImageArchive } from '../../scripts/images.ts';
import { withTemporaryFolder } from '../../scripts/support/temporary-folder.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import type { Say } from '../support/print.ts';
import { dnsImage } from './dns.ts';
import { importImage } from './image-store.ts';
import { runOn } from './machine.ts';
import { planCluster } from './plan.ts';
import type { ClusterState } from './state.ts';

/**
 * The images that every node of a cluster has: the product's, and one for ingress, sandboxes and tools. Built when something changed.
 * @param dns with that of the cluster's DNS
 */
export async function imageArchives(say: Say, dns = false): Promise<readonly ImageArchive[]> {
  return [...(await ensureImageArchives(say)), ...(dns ? [await dnsImage(say)] : [])];
}

async function loadArchive(state: ClusterState, archive: string): Promise<void> {
  const nodes = new Set(planCluster(state.shape).nodes.map((node) => node.name));
  const running = state.machines.filter((machine) => nodes.has(machine.name));
  await Promise.all(running.map((machine) => importImage(machine, archive)));
}

/** An image that docker, podman or buildah has, by way of a file. */
async function loadFromEngine(state: ClusterState, ref: string, say: Say): Promise<void> {
  const engine = await findEngine(say);
  if (engine === undefined || (await engine.labelsOf(ref)) === undefined) {
    throw new Error(`${ref} is neither a file nor an image of ${engine?.name ?? 'docker, podman or buildah'}`);
  }
  await withTemporaryFolder(join(cacheFolder(), 'load-'), async (folder) => {
    const archive = join(folder, 'image.tar');
    await engine.save(ref, archive);
    await loadArchive(state, archive);
  });
}

/**
 * Gives images to the nodes of a running cluster.
 * @param images files as `docker save` writes them, or names of images that docker, podman or buildah has
 * @throws Error that names the image that is neither
 */
export async function loadImages(state: ClusterState, images: readonly string[], say: Say): Promise<void> {
  for (const image of images) {
    await (existsSync(image) ? loadArchive(state, image) : loadFromEngine(state, image, say));
    say(`${image} is on every node`);
  }
}

/**
 * Gives the images of a running cluster a second tag. To Kubernetes they are other images then, and pods that get them are replaced.
 * @param refs full names
 */
export async function tagImages(
  { shape, machines }: ClusterState,
  refs: readonly string[],
  tag: string,
): Promise<void> {
  const nodes = planCluster(shape).nodes.map(({ name }) => name);
  const names = refs.map((ref) => [ref, ref.replace(/:[^:/]*$/, `:${tag}`)]);
  for (const machine of machines.filter(({ name }) => nodes.includes(name))) {
    for (const name of names)
      await runOn(machine, ['ctr', '--namespace', 'k8s.io', 'images', 'tag', '--force', ...name]);
  }
}
