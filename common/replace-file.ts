import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Readable for all: the two containers of the pod run as different users, and only they mount the volume. */
const MODE = 0o644;

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${randomUUID()}`);
}

/**
 * Replaces a file so that a reader sees the old content or the new one, never a part. Nothing else stays behind, also when it fails.
 * @throws the system's error
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await writeFile(temporary, text, { mode: MODE });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** The same, at once: a trip through the thread pool is a millisecond. */
export function replaceFileSync(path: string, text: string): void {
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, text, { mode: MODE });
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
}

/**
 * Writes a few bytes into a file that is there already. It needs no space where a new file would (a file system that is full, or a
 * directory that may not be written to), and is one system call, so that a reader sees all of them or none.
 * @throws the system's error, also when there is no such file
 */
export function overwriteFileSync(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is not a file; remove it`);
    const length = Buffer.byteLength(text);
    if (writeSync(file, text, 0) < length) throw new Error(`${path} was not written whole`);
    ftruncateSync(file, length);
  } finally {
    closeSync(file);
  }
}

/** Removes what a process left in a directory that was ended between writing and renaming; errors are for the next writer to report. */
export async function removeTemporaries(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const left = names.filter((name) => /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name));
  await Promise.all(left.map((name) => rm(join(directory, name), { force: true }).catch(() => undefined)));
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The error that led here says more.
  }
}
