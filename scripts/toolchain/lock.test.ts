import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './lock.ts';

const silent = () => undefined;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('withLock', () => {
  it('lets one run in at a time', async () => {
    const file = path.join(folder, 'sub/lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await delay(30);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 4 }, () => withLock(file, 10, silent, work)));
    expect(most).toBe(1);
  });

  it('gives up after the limit and names the lock', async () => {
    const file = path.join(folder, 'lock');
    const first = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const one = withLock(file, 10, silent, async () => {
      inside.resolve();
      await first.promise;
    });
    await inside.promise;
    await expect(withLock(file, 0, silent, async () => undefined)).rejects.toThrow(file);
    first.resolve();
    await one;
  });

  it('is free again after work that failed', async () => {
    const file = path.join(folder, 'lock');
    const failing = withLock(file, 1, silent, async () => {
      throw new Error('broken build');
    });
    await expect(failing).rejects.toThrow('broken build');
    expect(await withLock(file, 1, silent, async () => 'in')).toBe('in');
  });
});
