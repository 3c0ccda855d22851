/**
 * Debian directory trees made by mmdebstrap and kept in the user's cache: no registry, no container engine. A tree is made once
 * and never changed; its name changes with everything that goes into it.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { cacheFolder } from './cache-folder.ts';
import { findCommand } from './needs.ts';

/** What a tree is made of. */
export interface DebianRoot {
  /** First part of its folder's name in the cache, such as `image-root`. */
  readonly label: string;
  /** Release, such as `trixie`. */
  readonly suite: string;
  /** Packages besides the essential ones; recommended ones do not come along. */
  readonly packages: readonly string[];
}

/** Raise it when the arguments of mmdebstrap below make another tree. */
const RECIPE = '2';
/** A cold build takes half a minute; a slow mirror gets ten. */
const BUILD_LIMIT_MS = 600_000;
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];

function pathOf(root: DebianRoot): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([root.suite, RECIPE, process.arch, root.packages.toSorted()]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheFolder(), `${root.label}-${hash}`);
}

function checkTools(): void {
  if (findCommand('mmdebstrap') === null) {
    throw new Error('mmdebstrap is missing: apt-get install --no-install-recommends mmdebstrap');
  }
  if (!KEYRINGS.some((path) => existsSync(path))) {
    throw new Error("Debian's archive keys are missing: apt-get install debian-archive-keyring");
  }
  if (process.getuid?.() !== 0) {
    throw new Error('Debian trees are made by root: run it as root (sudo)');
  }
}

/** Only for one process at a time. */
async function makeRoot(root: DebianRoot, target: string, say: (line: string) => void): Promise<void> {
  const temporary = `${target}.tmp`;
  await rm(temporary, { recursive: true, force: true }); // of one that was killed
  say(`making a Debian tree with mmdebstrap (once, about half a minute): ${target}`);
  const command = execa(
    'mmdebstrap',
    [
      '--variant=minbase',
      ...(root.packages.length > 0 ? [`--include=${root.packages.join(',')}`] : []),
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      '--aptopt=Acquire::Retries "3"',
      ...['man', 'doc', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
      // A tree that is not complete is thrown away: nothing needs to be on the disk before its end. Saves a third of the time.
      '--dpkgopt=force-unsafe-io',
      // The licences stay: what is made from a tree may be handed on.
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      root.suite,
      temporary,
    ],
    { stdin: 'ignore', timeout: BUILD_LIMIT_MS, all: true, env: { DEBIAN_FRONTEND: 'noninteractive' } },
  );
  // mmdebstrap's own progress bars are for terminals: its "I:" lines are enough, and apt's text only when it fails.
  command.all.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of chunk.split(/[\r\n]+/)) {
      if (line.startsWith('I: ')) {
        say(line);
      }
    }
  });
  try {
    await command;
    await rename(temporary, target);
  } catch (error) {
    throw new Error(`mmdebstrap could not make ${target}`, { cause: error });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * A Debian directory tree, made on first use (about half a minute, needs root and a Debian mirror).
 * Safe to call from several processes at once. Treat the directory as read-only.
 * @param say gets progress lines, only when it is really made; stderr by default
 * @returns absolute path
 * @throws Error that names the command to run when mmdebstrap or Debian's keys are missing
 */
export async function ensureDebianRoot(
  root: DebianRoot,
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<string> {
  const target = pathOf(root);
  if (!existsSync(target)) {
    checkTools();
    const build = async () => (existsSync(target) ? undefined : makeRoot(root, target, say));
    await withLock(`${target}.lock`, BUILD_LIMIT_MS / 1000, say, build, `making ${target}`);
  }
  return target;
}
