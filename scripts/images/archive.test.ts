import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownBytes, readArchive, unpackArchive } from './archive.ts';

describe('an archive of an image', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'archive-test-'));
  const archive = path.join(folder, 'image.tar');
  let bytes = 0;

  /** A layer with one file, as a tar file. */
  function layer(name: string, text: string): string {
    writeFileSync(path.join(folder, name), text);
    const file = path.join(folder, `${name}.layer`);
    execFileSync('tar', ['--create', `--file=${file}`, `--directory=${folder}`, name]);
    bytes += statSync(file).size;
    return file;
  }

  beforeAll(() => {
    layer('first', 'one');
    execFileSync('gzip', ['--suffix', '.gz', layer('second', 'two')]);
    writeFileSync(
      path.join(folder, 'config.json'),
      JSON.stringify({ architecture: 'amd64', config: { User: '1' }, rootfs: { diff_ids: ['sha256:1', 'sha256:2'] } }),
    );
    const manifest = [{ Config: 'config.json', RepoTags: ['a/b:1'], Layers: ['first.layer', 'second.layer.gz'] }];
    writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
    const members = ['manifest.json', 'config.json', 'first.layer', 'second.layer.gz'];
    execFileSync('tar', ['--create', `--file=${archive}`, `--directory=${folder}`, ...members]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('tells names, configuration and the size of its layers, compressed or not', async () => {
    expect(await readArchive(archive)).toEqual({
      refs: ['a/b:1'],
      bytes,
      layers: ['sha256:1', 'sha256:2'].map((digest) => ({ digest, bytes: bytes / 2 })),
      architecture: 'amd64',
      config: { User: '1' },
    });
  });

  it('adds to another one what that has not', () => {
    const layers = ['a', 'b', 'c'].map((digest, index) => ({ digest, bytes: 10 ** index }));
    expect(ownBytes(layers, layers.slice(1, 2))).toBe(101);
  });

  it('gives its files', async () => {
    const root = path.join(folder, 'root');
    mkdirSync(root);
    await unpackArchive(archive, root);
    expect(['first', 'second'].map((name) => readFileSync(path.join(root, name), 'utf8'))).toEqual(['one', 'two']);
  });

  it('is refused when it is none', async () => {
    await expect(readArchive(path.join(folder, 'first'))).rejects.toThrow('tar');
  });
});
