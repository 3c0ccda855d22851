import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensureImageRoot, imagePackages, SUPERVISED_IMAGES } from './image-root.ts';

describe('the image root', () => {
  let cache: string;

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'cache-'));
    vi.stubEnv('XDG_CACHE_HOME', cache);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true });
  });

  it('has the packages of the image', () => {
    expect(imagePackages()).toEqual(expect.arrayContaining(['curl', 'iproute2', 'keepalived', 'tini']));
    expect(imagePackages('proxy')).toEqual(expect.arrayContaining(['haproxy', 'tini']));
    const all = SUPERVISED_IMAGES.flatMap(imagePackages);
    expect(all.filter((name) => !/^[a-z0-9.+-]+$/.test(name))).toEqual([]);
  });

  it('names the command that installs mmdebstrap where it is missing, and leaves no lock behind', async () => {
    vi.stubEnv('PATH', cache);
    await expect(ensureImageRoot()).rejects.toThrow('apt-get install --no-install-recommends mmdebstrap');
    expect(readdirSync(join(cache, 'keepalived-ingress-vip'))).toEqual([]);
  });
});
