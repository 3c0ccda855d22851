/**
 * The root directory of the keepalived image for tests and the lab: a Debian directory tree with the packages of
 * `images/keepalived/packages.txt`, made once by mmdebstrap and kept in the user's cache. No registry, no container
 * engine. The supervisor is not in it: bind it in (`supervisorBind`), so that it is always the checkout's.
 *
 * As a command: `node test/support/image-root.ts` makes it if needed and prints its path.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheFolder } from './cache-folder.ts';
import type { Bind } from './container.ts';
import { findCommand } from './needs.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES_FILE = join(CHECKOUT, 'images/keepalived/packages.txt');
const SUITE = 'trixie';
/** Raise it when the arguments of mmdebstrap below change. */
const RECIPE = '1';
/** A cold build takes half a minute; a slow mirror gets ten. */
const BUILD_LIMIT_MS = 600_000;
const POLL_MS = 250;
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];

/** The Debian packages of the keepalived image: the lines of packages.txt without comments. */
export function imagePackages(): string[] {
  return readFileSync(PACKAGES_FILE, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The bind mount that puts the checkout's supervisor where the image has it. */
export function supervisorBind(): Bind {
  return {
    host: join(CHECKOUT, 'images/keepalived/supervisor'),
    container: '/usr/local/bin/supervisor',
    readOnly: true,
  };
}

function imageRootPath(): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([SUITE, RECIPE, process.arch, imagePackages().toSorted()]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheFolder(), `image-root-${hash}`);
}

function checkTools(): void {
  if (findCommand('mmdebstrap') === null) {
    throw new Error('mmdebstrap is missing: apt-get install --no-install-recommends mmdebstrap');
  }
  if (!KEYRINGS.some((path) => existsSync(path))) {
    throw new Error("Debian's archive keys are missing: apt-get install debian-archive-keyring");
  }
  if (process.getuid?.() !== 0) {
    throw new Error('the image root for tests is made by root: run it as root (sudo)');
  }
}

/** What a build left that was killed. */
async function removeRemains(target: string): Promise<void> {
  const pattern = new RegExp(`^${basename(target)}\\.(\\d+)\\.tmp$`);
  for (const name of await readdir(dirname(target))) {
    const pid = pattern.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      await rm(join(dirname(target), name), { recursive: true, force: true });
    }
  }
}

async function build(target: string, say: (line: string) => void): Promise<void> {
  checkTools();
  await removeRemains(target);
  const temporary = `${target}.${process.pid}.tmp`;
  say(`making the keepalived image's root with mmdebstrap (once, about half a minute): ${target}`);
  const command = execa(
    'mmdebstrap',
    [
      '--variant=minbase',
      `--include=${imagePackages().join(',')}`,
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      '--aptopt=Acquire::Retries "3"',
      ...['man', 'doc', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
      SUITE,
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
    // Another process may have been faster; its directory is as good as ours.
    if (!existsSync(target)) {
      throw new Error(`mmdebstrap could not make ${target}`, { cause: error });
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function isAlive(lock: string): Promise<boolean> {
  const pid = Number(await readFile(lock, 'utf8').catch(() => '0'));
  // An empty lock is one that its owner is just writing.
  return pid === 0 || existsSync(`/proc/${pid}`);
}

/** Only one process builds; the rename keeps it right even if this lock failed. Returns false when another has it. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch {
    if (!(await isAlive(lock))) {
      await rm(lock, { force: true });
    }
    return false;
  }
}

async function buildOnce(target: string, say: (line: string) => void): Promise<void> {
  const lock = `${target}.lock`;
  await mkdir(dirname(target), { recursive: true });
  const giveUpAt = Date.now() + BUILD_LIMIT_MS;
  while (!(await takeLock(lock))) {
    if (existsSync(target)) {
      return;
    }
    if (Date.now() > giveUpAt) {
      throw new Error(`another process is making ${target} for too long; if there is none, remove ${lock}`);
    }
    await delay(POLL_MS);
  }
  try {
    if (!existsSync(target)) {
      await build(target, say);
    }
  } finally {
    await rm(lock, { force: true });
  }
}

/**
 * The root directory of the keepalived image, made on first use (about half a minute, needs root and a Debian mirror).
 * Safe to call from several processes at once. Treat the directory as read-only.
 * @param say gets progress lines, only when it is really made; stderr by default
 * @returns absolute path
 * @throws Error that names the command to run when mmdebstrap or Debian's keys are missing
 */
export async function ensureImageRoot(
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<string> {
  const target = imageRootPath();
  if (!existsSync(target)) {
    await buildOnce(target, say);
  }
  return target;
}

if (import.meta.main) {
  process.stdout.write(`${await ensureImageRoot()}\n`);
}
