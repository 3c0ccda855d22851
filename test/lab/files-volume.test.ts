import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFilesVolume } from './files-volume.ts';

describe('writeFilesVolume', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'files-volume-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it('leads each file through the link ..data, as the kubelet does', async () => {
    await writeFilesVolume(directory, { 'config.yaml': 'one' });
    expect(await readlink(join(directory, 'config.yaml'))).toBe('..data/config.yaml');
    expect(await readFile(join(directory, 'config.yaml'), 'utf8')).toBe('one');
  });

  it('changes all files by turning ..data to a new directory, and removes the old one', async () => {
    await writeFilesVolume(directory, { a: '1', b: '1' });
    const before = await readlink(join(directory, '..data'));
    await writeFilesVolume(directory, { a: '2', b: '2' });
    const after = await readlink(join(directory, '..data'));
    expect(after).not.toBe(before);
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('2');
    expect((await readdir(directory)).toSorted()).toEqual([after, '..data', 'a', 'b'].toSorted());
  });

  it('takes away files that are no longer there, and adds new ones', async () => {
    await writeFilesVolume(directory, { old: '1' });
    await writeFilesVolume(directory, { fresh: '2' });
    expect((await readdir(directory)).filter((name) => !name.startsWith('..'))).toEqual(['fresh']);
  });
});
