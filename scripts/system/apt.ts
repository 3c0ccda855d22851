import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Log, runStep } from '../toolchain/progress.ts';

const UPDATE_LIMIT_SECONDS = 300;
const INSTALL_LIMIT_SECONDS = 900;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What packages' maintainer scripts start a service with, now and at the next boot. */
const SERVICE_STARTERS = [
  'invoke-rc.d',
  'deb-systemd-invoke',
  'service',
  'systemctl',
  'start-stop-daemon',
  'update-rc.d',
  'deb-systemd-helper',
];

/** The command with which a person installs `packages`. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/**
 * Installs packages with apt-get, as root, without starting any service that they bring, now or at boot: an nginx of the system would
 * take port 80.
 *
 * The commands that start services are covered on dpkg's PATH by ones that do nothing. A `policy-rc.d` would do the same, but stay
 * behind when this process is killed.
 * @throws ToolError with the end of what apt-get said
 */
export async function installPackages(packages: readonly string[], log: Log): Promise<void> {
  const cover = await mkdtemp(path.join(tmpdir(), 'no-services-'));
  try {
    await chmod(cover, 0o755);
    await coverServiceStarters(path.join(cover, 'bin'));
    await aptGet('reading package lists', ['update'], UPDATE_LIMIT_SECONDS, cover, log);
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    await aptGet(`installing ${packages.join(' ')}`, install, INSTALL_LIMIT_SECONDS, cover, log);
  } finally {
    await rm(cover, { recursive: true, force: true });
  }
}

async function coverServiceStarters(folder: string): Promise<void> {
  await mkdir(folder);
  for (const name of SERVICE_STARTERS) await writeFile(path.join(folder, name), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
}

async function aptGet(
  label: string,
  command: readonly string[],
  limitSeconds: number,
  cover: string,
  log: Log,
): Promise<void> {
  const searchPath = `${path.join(cover, 'bin')}:${SYSTEM_PATH}`;
  const step = {
    label: `apt-get: ${label}`,
    command: 'apt-get',
    arguments: ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', `DPkg::Path=${searchPath}`, ...command],
    directory: '/',
    environment: { DEBIAN_FRONTEND: 'noninteractive', PATH: searchPath },
    limitSeconds,
  };
  await runStep(step, log);
}
