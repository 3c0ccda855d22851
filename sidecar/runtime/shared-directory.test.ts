import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SharedDirectory } from './shared-directory.ts';

const LIMIT = { timeout: 2000, interval: 5 };
let path: string;
let directory: SharedDirectory;

beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), 'shared-directory-')), 'run');
  directory = new SharedDirectory({ path });
  await directory.prepare();
});

afterEach(() => {
  directory.stop();
  directory.stop();
  rmSync(join(path, '..'), { recursive: true });
});

describe('the directory that both containers share', () => {
  it('is made where it is missing, and rid of what an earlier process left half done', async () => {
    writeFileSync(join(path, `.${randomUUID()}`), '1');
    writeFileSync(join(path, '.candidate.judged'), '');
    await directory.prepare();
    expect(readdirSync(path)).toEqual(['.candidate.judged']);
  });

  it('names the files that change in it, and no hidden ones, until it is not watched any more', async () => {
    const changed: string[] = [];
    directory.watch((name) => changed.push(name));
    for (const name of ['.hidden', 'supervisor.status', 'drain']) writeFileSync(directory.file(name), '');
    await vi.waitFor(() => expect(changed).toContain('drain'), LIMIT);
    expect(new Set(changed)).toEqual(new Set(['supervisor.status', 'drain']));
    directory.stop();
    const again: string[] = [];
    directory.watch((name) => again.push(name));
    changed.length = 0;
    rmSync(directory.file('drain'));
    await vi.waitFor(() => expect(again).toContain('drain'), LIMIT);
    expect(changed).toEqual([]);
  });
});
