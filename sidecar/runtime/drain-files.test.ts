import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DRAIN_REQUEST, DrainFiles } from './drain-files.ts';
import { SharedDirectory } from './shared-directory.ts';

let path: string;
let directory: SharedDirectory;
let drains: DrainFiles;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'drain-files-'));
  directory = new SharedDirectory({ path });
  drains = new DrainFiles({ directory });
});

afterEach(() => {
  directory.stop();
  rmSync(path, { recursive: true });
});

describe('a request to drain', () => {
  it('is heard, and answered by a file', async () => {
    const onChange = vi.fn();
    directory.watch(onChange);
    expect(await drains.requested()).toBe(false);
    writeFileSync(join(path, 'drain'), '');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledWith(DRAIN_REQUEST), 2000);
    expect(await drains.requested()).toBe(true);
    await drains.answer('moved');
    expect(readFileSync(join(path, 'drained'), 'utf8')).toBe('moved\n');
    await drains.removeAnswer();
    await drains.removeAnswer();
    expect(readdirSync(path)).toEqual(['drain']);
  });
});
