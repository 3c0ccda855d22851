/** The project's own program in C that the keepalived image has, for what stands for the image: built on first use, kept in the user's cache. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheFolder } from './cache-folder.ts';
import { findCommand } from './needs.ts';

const SOURCE = fileURLToPath(new URL('../../images/keepalived/reset-connections.c', import.meta.url));
/** Static: it runs in every tree, whatever libraries that has. */
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-static'];
const BUILD_LIMIT_MS = 120_000;

/** Where the program is once {@link ensureOwnProgram} has been called. Its name changes with everything that goes into it. */
export function ownProgram(): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([FLAGS, process.arch, readFileSync(SOURCE, 'utf8')]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheFolder(), `reset-connections-${hash}`);
}

/** Builds the program unless it is there; several may do so at once. @throws Error with what the compiler says */
export async function ensureOwnProgram(): Promise<string> {
  const target = ownProgram();
  if (existsSync(target)) return target;
  if (findCommand('gcc') === null) {
    throw new Error('gcc is missing: apt-get install --no-install-recommends gcc libc6-dev');
  }
  const temporary = `${target}.${process.pid}`;
  await execa('gcc', [...FLAGS, '-o', temporary, SOURCE], { timeout: BUILD_LIMIT_MS });
  await rename(temporary, target);
  return target;
}
