import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { exists, replaceLink } from './files.ts';

/**
 * Folder below `parent` called `key`, complete or absent, never half made.
 *
 * `key` is a link to the folder in which `make` worked. It is not moved there, because a Python environment does not survive a move.
 * Callers hold a lock: leftovers of a run that was killed are removed here.
 */
export async function makeOnce(parent: string, key: string, make: (folder: string) => Promise<void>): Promise<string> {
  const result = path.join(parent, key);
  if (await exists(result)) return result;
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (name.startsWith(`${key}.`)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
  const folder = await mkdtemp(path.join(parent, `${key}.`));
  try {
    await make(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  await replaceLink(path.basename(folder), result);
  return result;
}
