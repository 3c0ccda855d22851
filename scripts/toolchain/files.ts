import { constants } from 'node:fs';
import { access, lstat, mkdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

/** Whether a file, folder or intact link is there. */
export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** All executables called `command` in the folders of a PATH, in its order. */
export async function findOnPath(
  command: string,
  searchPath: string,
  leaveOut: readonly string[] = [],
): Promise<string[]> {
  const folders = searchPath
    .split(path.delimiter)
    .filter((folder) => folder !== '' && !leaveOut.includes(path.resolve(folder)));
  const files = folders.map((folder) => path.join(folder, command));
  const usable = await Promise.all(files.map(isExecutable));
  return files.filter((_, index) => usable[index]);
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
