import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import type { ImageArchive } from '../../scripts/images.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import type { Say } from '../support/print.ts';
import { succeeds } from '../support/succeeds.ts';
import { waitFor } from '../support/wait.ts';
import {
  killMachine,
  type MachineSpec,
  type RunningMachine,
  removeEmptyCgroup,
  runOn,
  startMachine,
  writeDisk,
} from './machine.ts';
import type { ClusterParts } from './parts.ts';
import { containerdFiles } from './services.ts';

const START_LIMIT_MS = 20_000;
const COPY_LIMIT_MS = 120_000;
const STORE = 'image-store';
/** A store that nobody asked for in this time is of an older checkout. Nodes have links of their own to its files. */
const KEEP_MS = 24 * 60 * 60_000;

/** Reads an image into a machine's containerd, where the kubelet looks for it. @throws Error with what containerd said. */
export async function importImage(machine: RunningMachine, archive: string): Promise<void> {
  await runOn(machine, ['ctr', '--namespace', 'k8s.io', 'images', 'import', '--snapshotter', 'overlayfs', '-'], {
    inputFile: archive,
  });
}

/** Waits until a machine's containerd answers. */
async function containerdOf(machine: RunningMachine): Promise<void> {
  const answers = () => succeeds(() => runOn(machine, ['ctr', 'version'], { stdio: 'ignore' }));
  await waitFor(`containerd on ${machine.name}`, answers, { limitMs: START_LIMIT_MS, everyMs: 50 });
}

function storePath(archives: readonly ImageArchive[], parts: ClusterParts): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([basename(parts.lower), ...archives.map(({ ref, fingerprint }) => [ref, fingerprint])]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheFolder(), `${STORE}-${hash}`);
}

async function removeOldStores(keep: string): Promise<void> {
  for (const name of await readdir(dirname(keep))) {
    const path = join(dirname(keep), name);
    if (!name.startsWith(`${STORE}-`) || path === keep) continue;
    if (Date.now() - (await stat(path)).mtimeMs > KEEP_MS) await rm(path, { recursive: true, force: true });
  }
}

/** A machine without a network, in which containerd unpacks images. */
async function fillStore(
  archives: readonly ImageArchive[],
  parts: ClusterParts,
  directory: string,
  say: Say,
): Promise<void> {
  const spec: MachineSpec = {
    name: `loader${process.pid}`,
    netns: `kivc-loader${process.pid}`,
    cgroup: 'kivc/loader',
    directory,
  };
  await writeDisk(directory, [{ path: '/etc/hostname', content: 'loader\n' }, ...containerdFiles()]);
  const machine = await startMachine(spec, parts);
  try {
    await containerdOf(machine);
    for (const { ref, archive } of archives) {
      say(`unpacking ${ref}`);
      await importImage(machine, archive);
    }
    // An orderly end, so that its databases are whole.
    await runOn(machine, ['sv', '-w', '20', 'force-stop', '/run/service/containerd']);
  } finally {
    await killMachine(machine, spec.cgroup);
    await removeEmptyCgroup(spec.cgroup);
  }
}

/**
 * A directory of containerd with all images unpacked, made once per set of images. Machines get it by hard links.
 * @throws Error with what containerd said.
 */
export async function ensureImageStore(
  archives: readonly ImageArchive[],
  parts: ClusterParts,
  say: Say,
): Promise<string> {
  const target = storePath(archives, parts);
  if (existsSync(target)) return target;
  const work = `${target}.${process.pid}.tmp`;
  await mkdir(work, { recursive: true });
  try {
    await fillStore(archives, parts, work, say);
    await rename(join(work, 'containerd'), target).catch((error: unknown) => {
      if (!existsSync(target)) throw error; // otherwise another process was faster
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await removeOldStores(target);
  return target;
}

/**
 * Gives a machine its containerd directory: layers are links to the store's files, which nobody changes; databases are copies.
 * @param directory the machine's disk, which has none yet
 */
export async function linkStore(store: string, directory: string): Promise<void> {
  const target = join(directory, 'containerd');
  await mkdir(directory, { recursive: true });
  await execa('cp', ['--archive', '--link', store, target], { timeout: COPY_LIMIT_MS });
  for (const name of await readdir(store, { recursive: true })) {
    if (!name.endsWith('.db')) continue;
    await rm(join(target, name));
    await cp(join(store, name), join(target, name));
  }
  // It holds the identity of one containerd.
  await rm(join(target, 'io.containerd.grpc.v1.introspection'), { recursive: true, force: true });
}
