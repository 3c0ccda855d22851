/**
 * What stands for the keepalived image in tests and the lab: a Debian directory tree with the packages of
 * `images/keepalived/packages.txt`, made in half a minute. The image itself has the same programs, and little else. The supervisor is not in it: bind it in (`supervisorBinds`), so that it is always the
 * checkout's.
 *
 * As a command: `node test/support/image-root.ts` makes it if needed and prints its path.
 */

import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bind } from './container.ts';
import { ensureDebianRoot } from './debian-root.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const SUITE = 'trixie';
/** Folder of the supervisor's parts in the image. */
export const PARTS = '/usr/local/lib/supervisor';

/** Lines of a file, without comments. */
function listIn(file: string): string[] {
  return readFileSync(join(CHECKOUT, file), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The Debian packages that have what the keepalived image has: the lines of packages.txt without comments. */
export function imagePackages(): string[] {
  return listIn('images/keepalived/packages.txt');
}

/** The commands of the keepalived image: the lines of commands.txt without comments. */
export function imageCommands(): string[] {
  return listIn('images/keepalived/commands.txt');
}

/** The bind mounts that put the checkout's supervisor and its parts where the image has them. */
export function supervisorBinds(): Bind[] {
  const bind = (host: string, container: string) => ({ host: join(CHECKOUT, host), container, readOnly: true });
  return [
    bind('images/keepalived/supervisor', '/usr/local/bin/supervisor'),
    bind('images/supervisor', `${PARTS}/common`),
    bind('images/keepalived/lib', `${PARTS}/keepalived`),
  ];
}

/** Paths of all files that the supervisor is made of, itself first. */
export function supervisorFiles(): string[] {
  const parts = globSync(['images/supervisor/*', 'images/keepalived/lib/*'], { cwd: CHECKOUT }).toSorted();
  return ['images/keepalived/supervisor', ...parts].map((file) => join(CHECKOUT, file));
}

/** Where the image has one of {@link supervisorFiles}. */
export function placeInImage(file: string): string {
  const folder = basename(dirname(file));
  if (folder === 'supervisor') return `${PARTS}/common/${basename(file)}`;
  return folder === 'lib' ? `${PARTS}/keepalived/${basename(file)}` : '/usr/local/bin/supervisor';
}

/**
 * The root directory of the keepalived image, made on first use (about half a minute, needs root and a Debian mirror).
 * Treat it as read-only.
 * @param say gets progress lines, only when it is really made; stderr by default
 * @returns absolute path
 * @throws Error that names the command to run when mmdebstrap or Debian's keys are missing
 */
export async function ensureImageRoot(say?: (line: string) => void): Promise<string> {
  return ensureDebianRoot({ label: 'image-root', suite: SUITE, packages: imagePackages() }, say);
}

if (import.meta.main) {
  process.stdout.write(`${await ensureImageRoot()}\n`);
}
