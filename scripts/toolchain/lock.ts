import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { type Log, ToolError } from './progress.ts';

const SAY_AFTER_MS = 2000;

/**
 * Runs `work` while no other process of this machine does the same under `file`.
 *
 * The kernel's file lock is held by a child that ends with its standard input, so the lock is free again when this process is gone,
 * however it ended; there is no stale lock to judge.
 * @param what the work, as a person waiting for it shall read it
 * @throws ToolError when the lock is still taken after `limitSeconds`
 */
export async function withLock<T>(
  file: string,
  limitSeconds: number,
  log: Log,
  work: () => Promise<T>,
  what = 'installing tools',
): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  const script = 'exec 9>>"$1"; flock -w "$2" 9 || exit 75; echo held; exec cat >/dev/null';
  const holder = execa('sh', ['-c', script, 'sh', file, String(limitSeconds)], {
    reject: false,
    stderr: 'ignore',
    buffer: false,
    // A Ctrl-C at the terminal must not free the lock while this process still cleans up.
    detached: true,
  });
  const say = setTimeout(() => log(`waiting for another run that is ${what} …`), SAY_AFTER_MS);
  try {
    const held = await new Promise<boolean>((resolve) => {
      holder.stdout.once('data', () => resolve(true));
      void holder.then(() => resolve(false));
    });
    if (!held) throw new ToolError(`another run has been ${what} for over ${limitSeconds} s (lock: ${file})`);
    clearTimeout(say);
    return await work();
  } finally {
    clearTimeout(say);
    holder.stdin.end();
    await holder;
  }
}
