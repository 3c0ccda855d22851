/**
 * What a test needs from the machine. Where something is missing, a test is skipped by name and the reason is said aloud;
 * with the environment variable CI set (to anything but "" or "false") a skip is a failure: the need is thrown instead.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** One thing a test needs: `null` when it is there, otherwise a sentence that says what is missing and what to do. */
export type Need = () => string | null;

const PROBE_LIMIT_MS = 60_000;
/** Where distributions keep administrators' commands; a user's PATH often lacks them. */
const ADMIN_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
/** The Debian/Ubuntu package of each command that the tests use. */
const PACKAGES: Readonly<Record<string, string>> = {
  curl: 'curl',
  haproxy: 'haproxy',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  nft: 'nftables',
  nginx: 'nginx-light',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  shellcheck: 'shellcheck',
  tcpdump: 'tcpdump',
  unshare: 'util-linux',
};

function pathFolders(): string[] {
  return [...(process.env.PATH ?? '').split(delimiter), ...ADMIN_FOLDERS];
}

/** Administrators' commands (ip, nginx) are found also where a user's PATH leaves their folders out. */
export function extendPath(): void {
  process.env.PATH = [...new Set(pathFolders())].join(delimiter);
}

/** Full path of a command on PATH or in an administrators' folder, or null. */
export function findCommand(name: string): string | null {
  return (
    pathFolders()
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path)) ?? null
  );
}

/** A need for a command; the sentence names the package that brings it. */
export function command(name: string): Need {
  return () =>
    findCommand(name) === null
      ? `the command ${name} is missing: apt-get install --no-install-recommends ${PACKAGES[name] ?? name}`
      : null;
}

let namespaces: string | null | undefined;

function probeNamespaces(): string | null {
  if (process.platform !== 'linux') {
    return `network namespaces need Linux, this is ${process.platform}`;
  }
  if (process.getuid?.() !== 0) {
    return 'network namespaces need root: run it as root (sudo)';
  }
  const missing = ['ip', 'mount', 'nsenter', 'unshare'].map((name) => command(name)()).find((said) => said !== null);
  if (missing !== undefined) {
    return missing;
  }
  // The same kinds that a container of test/support/container.ts uses, and a veth pair, which some sandboxes refuse.
  const script = 'ip link add nst0 type veth peer name nst1 && mount -t tmpfs tmpfs /proc';
  const args = ['--net', '--mount', '--pid', '--fork', 'sh', '-c', script];
  const result = spawnSync('unshare', args, { encoding: 'utf8', timeout: PROBE_LIMIT_MS });
  if (result.status === 0) {
    return null;
  }
  const said = (result.stderr || result.error?.message || `exit code ${result.status}`).trim();
  return `this machine does not allow to make network namespaces with veth pairs: ${said}`;
}

/** Need: network, mount and pid namespaces and veth pairs can be made here (root, Linux, not locked down). Probed once. */
export const canMakeNamespaces: Need = () => {
  if (namespaces === undefined) {
    namespaces = probeNamespaces();
  }
  return namespaces;
};

/** True where a skipped test counts as a failure. */
export function skipsAreFailures(): boolean {
  const ci = process.env.CI ?? '';
  return ci !== '' && ci !== 'false';
}

/**
 * Says whether the tests named must be skipped here, for `describe.skipIf(...)`.
 * @param subject what is skipped, as the reader of the log shall see it
 * @param needs what it needs
 * @returns true when something is missing (the reason went to stderr)
 * @throws Error with the reason when something is missing and CI is set
 */
export function mustSkip(subject: string, needs: readonly Need[]): boolean {
  const missing = needs.map((need) => need()).filter((said) => said !== null);
  if (missing.length === 0) {
    return false;
  }
  const reason = `SKIPPED: ${subject}: ${missing.join('; ')}`;
  if (skipsAreFailures()) {
    throw new Error(`${reason} (CI is set, so a skipped test is a failure)`);
  }
  process.stderr.write(`${reason}\n`);
  return true;
}
