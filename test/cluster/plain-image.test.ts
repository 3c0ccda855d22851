import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readArchive } from '../../scripts/images/archive.ts';
import { plainImageArchive } from './plain-image.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plain-image-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
  await mkdir(join(folder, 'tree/etc'), { recursive: true });
  await writeFile(join(folder, 'tree/etc/hosts'), '127.0.0.1 localhost\n');
  await writeFile(join(folder, 'program'), '#!/bin/sh\n', { mode: 0o755 });
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const image = () => ({ ref: 'example.org/some/thing:1', program: join(folder, 'program'), path: '/thing' });

it('an image without an engine has a tree below and the program above, which its containers run', async () => {
  const said: string[] = [];
  const whole = { ...image(), tree: join(folder, 'tree'), args: ['pause'], links: { '/usr/bin/other': '/thing' } };
  const { ref, archive } = await plainImageArchive(whole, (line) => said.push(line));
  const read = await readArchive(archive);
  expect([ref, ...read.refs]).toEqual(['example.org/some/thing:1', 'example.org/some/thing:1']);
  expect(read.config).toEqual({ Entrypoint: ['/thing'], Cmd: ['pause'] });
  const layers = await Promise.all(
    read.layers.map(async (_, index) => {
      const pipe = `tar --extract --to-stdout --file="$1" ${index}.tar | tar --list --verbose`;
      return (await execa('sh', ['-c', pipe, 'sh', archive])).stdout;
    }),
  );
  expect(layers[0]).toMatch(/ \.\/etc\/hosts$/m);
  expect(layers[1]).toMatch(/^-rwxr-xr-x 0\/0 .* \.\/thing$/m);
  expect(layers[1]).toMatch(/ \.\/usr\/bin\/other -> \/thing$/m);
  expect(said).toEqual(['making the image example.org/some/thing:1']);
});

it('an image without an engine is made once, and anew when the program is another', async () => {
  const said: string[] = [];
  const make = () => plainImageArchive(image(), (line) => said.push(line));
  const [first, again] = [await make(), await make()];
  expect(again).toEqual(first);
  expect(said).toHaveLength(1);
  await writeFile(join(folder, 'program'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  expect((await make()).fingerprint).not.toBe(first.fingerprint);
});
