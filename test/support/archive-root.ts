/**
 * The files of an image's archive as a root directory for test/support/container.ts, to run the image as it is, without an engine.
 */

import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { unpackArchive } from '../../scripts/images/archive.ts';
import { ensureImageRoot } from './image-root.ts';

/** What the tests' container itself needs inside, as container engines do not. */
const HARNESS = ['/usr/bin/env', '/usr/bin/realpath', '/usr/bin/setpriv'];
const LIMIT_MS = 60_000;

async function copyInto(root: string, from: string, file: string): Promise<void> {
  if (existsSync(join(root, file))) return;
  await mkdir(dirname(join(root, file)), { recursive: true });
  await cp(join(from, file), join(root, file), { dereference: true });
}

async function librariesOf(root: string, program: string): Promise<string[]> {
  const { stdout } = await execa('chroot', [root, 'ldd', program], { timeout: LIMIT_MS });
  return [...stdout.matchAll(/=> (\/\S+) \(/g)].map(([, path = '']) => path);
}

/** Adds to a root directory what the tests' container needs, from the lab's image root: of the same Debian release, so the libraries fit. */
async function addHarness(root: string): Promise<void> {
  const from = await ensureImageRoot();
  for (const program of HARNESS) {
    await copyInto(root, from, program);
    for (const library of await librariesOf(from, program)) await copyInto(root, from, library);
  }
}

/** Unpacks an image based on Debian trixie into an empty folder, as root, and adds what the tests' container needs inside. */
export async function unpackForContainer(archive: string, folder: string): Promise<void> {
  await unpackArchive(archive, folder);
  await addHarness(folder);
}
