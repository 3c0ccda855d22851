/**
 * What stands for the images of supervised processes in tests and the lab: a Debian directory tree with the packages of
 * `images/<image>/packages.txt`, made in half a minute. The image itself has the same programs, and little else. The supervisor is not in
 * it: bind it in (`supervisorBinds`), so that it is always the checkout's.
 *
 * As a command: `node test/support/image-root.ts [proxy|bird]` makes it if needed and prints its path.
 */

import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bind } from './container.ts';
import { ensureDebianRoot } from './debian-root.ts';
import { ensureOwnProgram, ownProgram } from './own-program.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const SUITE = 'trixie';
/** The images that have a supervisor. */
export const SUPERVISED_IMAGES = ['keepalived', 'proxy', 'bird'] as const;
export type SupervisedImage = (typeof SUPERVISED_IMAGES)[number];

/** Folder of the supervisor's parts in the image. */
export const PARTS = '/usr/local/lib/supervisor';

/** Lines of a file, without comments. */
function listIn(file: string): string[] {
  return readFileSync(join(CHECKOUT, file), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The Debian packages that have what an image has: the lines of packages.txt without comments. */
export function imagePackages(image: SupervisedImage = 'keepalived'): string[] {
  return listIn(`images/${image}/packages.txt`);
}

/** The commands of an image: the lines of commands.txt without comments. */
export function imageCommands(image: SupervisedImage = 'keepalived'): string[] {
  return listIn(`images/${image}/commands.txt`);
}

/** The commands of the layer that these images begin with. */
export function commonCommands(): string[] {
  return listIn('images/common-commands.txt');
}

/** The bind mounts that put the checkout's supervisor and its parts where the image has them. */
export function supervisorBinds(image: SupervisedImage = 'keepalived'): Bind[] {
  const bind = (host: string, container: string) => ({ host: join(CHECKOUT, host), container, readOnly: true });
  return [
    bind(`images/${image}/supervisor`, '/usr/local/bin/supervisor'),
    bind('images/supervisor', `${PARTS}/common`),
    bind(`images/${image}/lib`, `${PARTS}/${image}`),
    ...(image === 'keepalived'
      ? [{ host: ownProgram(), container: '/usr/sbin/reset-connections', readOnly: true }]
      : []),
  ];
}

/** Paths of all files that an image's supervisor is made of or could be made of, itself first. */
export function supervisorFiles(image: SupervisedImage = 'keepalived'): string[] {
  const parts = globSync(['images/supervisor/*', `images/${image}/lib/*`], { cwd: CHECKOUT }).toSorted();
  return [`images/${image}/supervisor`, ...parts].map((file) => join(CHECKOUT, file));
}

/** Where the image has one of {@link supervisorFiles}. */
export function placeInImage(file: string): string {
  const folder = dirname(file);
  if (basename(folder) === 'supervisor') return `${PARTS}/common/${basename(file)}`;
  if (basename(folder) === 'lib') return `${PARTS}/${basename(dirname(folder))}/${basename(file)}`;
  return '/usr/local/bin/supervisor';
}

/**
 * The root directory of an image, made on first use (about half a minute, needs root and a Debian mirror).
 * Treat it as read-only.
 * @param say gets progress lines, only when it is really made; stderr by default
 * @returns absolute path
 * @throws Error that names the command to run when mmdebstrap or Debian's keys are missing
 */
export async function ensureImageRoot(
  say?: (line: string) => void,
  image: SupervisedImage = 'keepalived',
): Promise<string> {
  const label = image === 'keepalived' ? 'image-root' : `${image}-root`;
  const root = await ensureDebianRoot({ label, suite: SUITE, packages: imagePackages(image) }, say);
  if (image === 'keepalived') await ensureOwnProgram();
  return root;
}

if (import.meta.main) {
  const image = SUPERVISED_IMAGES.find((name) => name === process.argv[2]) ?? 'keepalived';
  process.stdout.write(`${await ensureImageRoot(undefined, image)}\n`);
}
