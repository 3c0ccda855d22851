import { constants } from 'node:fs';
import { access, lstat, mkdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

/** Whether a file, folder or intact link is there. */
export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * All executables called `command` in the folders of a PATH, in its order.
 * @param leaveOut folders not to look into, by whatever name the PATH calls them
 */
export async function findOnPath(
  command: string,
  searchPath: string,
  leaveOut: readonly string[] = [],
): Promise<string[]> {
  const forbidden = await Promise.all(leaveOut.map(realFolder));
  const found: string[] = [];
  for (const folder of searchPath.split(path.delimiter).filter((name) => name !== '')) {
    const file = path.join(folder, command);
    if ((await isExecutable(file)) && !forbidden.includes(await realFolder(folder))) found.push(file);
  }
  return found;
}

async function realFolder(folder: string): Promise<string> {
  return realpath(folder).catch(() => path.resolve(folder));
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Makes `link` point to `target` in one step, whatever was there: a reader sees the old one or the new one. */
export async function replaceLink(target: string, link: string): Promise<void> {
  await mkdir(path.dirname(link), { recursive: true });
  const temporary = `${link}.${process.pid}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  const old = await lstat(link).catch(() => undefined);
  if (old?.isDirectory()) await rm(link, { recursive: true });
  await rename(temporary, link);
}
