import { ensureImageArchives, type ImageArchive } from '../../scripts/images.ts';
import type { Say } from '../lab/machine.ts';
import { importImage } from './image-store.ts';
import type { ClusterState } from './state.ts';

/** The images that every node of a cluster has: the product's, and one for ingress, sandboxes and tools. Built when something changed. */
export function imageArchives(say: Say): Promise<readonly ImageArchive[]> {
  return ensureImageArchives(say);
}

/** Gives images to the nodes of a running cluster. @param archives files as `docker save` writes them */
export async function loadImages(state: ClusterState, archives: readonly string[], say: Say): Promise<void> {
  for (const archive of archives) {
    await Promise.all(
      state.machines.filter((machine) => machine.name !== 'cp').map((machine) => importImage(machine, archive)),
    );
    say(`${archive} is on every node`);
  }
}
