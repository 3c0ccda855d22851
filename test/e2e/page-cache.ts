import { join } from 'node:path';
import { execa } from 'execa';
import { machineDirectory } from '../cluster/state.ts';

const LIMIT_MS = 60_000;
const SNAPSHOTS = 'containerd/io.containerd.snapshotter.v1.overlayfs/snapshots';

/**
 * Drops the images' files from memory, as far as no process has them mapped: the next container that reads them is charged for them, as on
 * a node where it is the first of its image. All nodes share these files, so what is dropped for one is dropped for all.
 */
export async function forgetImageFiles(cluster: string, nodes: readonly string[]): Promise<void> {
  const folders = nodes.map((node) => join(machineDirectory(cluster, node), SNAPSHOTS));
  // What is not yet on the disk cannot be dropped.
  await execa('sync', ['--file-system', ...folders], { timeout: LIMIT_MS });
  // dd(1): with count=0 it reads nothing, and drops the whole file.
  const drop = ['-exec', 'dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none', ';'];
  await execa('find', [...folders, '-type', 'f', '-size', '+64k', ...drop], { reject: false, timeout: LIMIT_MS });
}
