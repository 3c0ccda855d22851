import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exists } from './files.ts';
import { makeOnce } from './store.ts';

let store: string;
beforeEach(async () => {
  store = await mkdtemp(path.join(tmpdir(), 'store-'));
});
afterEach(() => rm(store, { recursive: true }));

describe('makeOnce', () => {
  it('makes a folder once and finds it the next time', async () => {
    let made = 0;
    const make = async (folder: string) => {
      made += 1;
      await writeFile(path.join(folder, 'tool'), 'works');
    };
    await makeOnce(store, 'tool-1', make);
    const folder = await makeOnce(store, 'tool-1', make);
    expect(await readFile(path.join(folder, 'tool'), 'utf8')).toBe('works');
    expect(made).toBe(1);
  });

  it('leaves nothing behind when making it fails', async () => {
    const make = async (folder: string) => {
      await writeFile(path.join(folder, 'half'), '');
      throw new Error('no space left');
    };
    await expect(makeOnce(store, 'tool-1', make)).rejects.toThrow('no space left');
    expect(await readdir(store)).toEqual([]);
  });

  it('does not count what a killed run left half made as present, and clears it away', async () => {
    await mkdir(path.join(store, 'tool-1.AbCdEf'));
    let folderDuringMake: string | undefined;
    await makeOnce(store, 'tool-1', async (folder) => {
      folderDuringMake = folder;
      expect(await exists(path.join(store, 'tool-1'))).toBe(false);
    });
    expect((await readdir(store)).toSorted()).toEqual(['tool-1', path.basename(folderDuringMake ?? '')]);
  });

  it("leaves other versions' folders alone", async () => {
    await makeOnce(store, 'tool-1', async () => undefined);
    await makeOnce(store, 'tool-2', async () => undefined);
    expect(await exists(path.join(store, 'tool-1'))).toBe(true);
  });
});
