import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adaptKernel, type KernelPlace, restoreKernel } from './kernel-limits.ts';

const REAL_TIME = 'kernel/sched_rt_runtime_us';
const BEFORE = {
  [REAL_TIME]: 950_000,
  'fs/inotify/max_user_instances': 128,
  'net/ipv4/neigh/default/gc_thresh3': 1024,
};
const quiet = (): void => undefined;

describe('the kernel of clusters', () => {
  let place: KernelPlace;
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kernel-'));
    place = { settings: join(folder, 'sys'), groupScheduling: join(folder, 'rt'), folder: join(folder, 'clusters') };
    writeFileSync(place.groupScheduling, '0');
    for (const [key, value] of Object.entries(BEFORE)) {
      mkdirSync(dirname(join(place.settings, key)), { recursive: true });
      writeFileSync(join(place.settings, key), `${value}\n`);
    }
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const setting = (key: string) => Number(readFileSync(join(place.settings, key), 'utf8'));
  const settings = () => Object.fromEntries(Object.keys(BEFORE).map((key) => [key, setting(key)]));

  it('has what they need until the last one is down, and then what it had', async () => {
    const said: string[] = [];
    await adaptKernel('one', (line) => said.push(line), place);
    expect(said).toHaveLength(3);
    expect(settings()).toEqual({
      [REAL_TIME]: -1,
      'fs/inotify/max_user_instances': 1024,
      'net/ipv4/neigh/default/gc_thresh3': 32_768,
    });
    await adaptKernel('two', (line) => said.push(line), place);
    expect(said).toHaveLength(3);
    await restoreKernel('one', quiet, place);
    expect(setting(REAL_TIME)).toBe(-1);
    await restoreKernel('two', quiet, place);
    expect(settings()).toEqual(BEFORE);
  });

  it('is left alone where a setting is enough, and has no limit that it never had', async () => {
    rmSync(place.groupScheduling);
    writeFileSync(join(place.settings, 'fs/inotify/max_user_instances'), '8192');
    await adaptKernel('one', quiet, place);
    expect([setting(REAL_TIME), setting('fs/inotify/max_user_instances')]).toEqual([950_000, 8192]);
    await restoreKernel('one', quiet, place);
    expect([setting(REAL_TIME), setting('fs/inotify/max_user_instances')]).toEqual([950_000, 8192]);
  });

  it('keeps it for a cluster that begins while the last of the others goes', async () => {
    const life = async (cluster: string) => {
      for (let round = 0; round < 4; round += 1) {
        await adaptKernel(cluster, quiet, place);
        const seen = [setting(REAL_TIME)];
        await delay(2); // another one may go meanwhile
        seen.push(setting(REAL_TIME));
        expect(seen).toEqual([-1, -1]);
        await restoreKernel(cluster, quiet, place);
      }
    };
    await Promise.all(['one', 'two', 'three'].map(life));
    expect(settings()).toEqual(BEFORE);
  });

  it('is as before after a cluster of which nobody knows whether it ever was', async () => {
    await restoreKernel('never', quiet, place);
    expect(settings()).toEqual(BEFORE);
    expect(existsSync(join(place.folder, 'claims', 'never'))).toBe(false);
  });
});
