import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GoSource, Tool } from './catalogue.ts';
import { exists } from './files.ts';
import { recipeFor } from './install.ts';

const MAIN = 'package main\n\nfunc main() {}\n';

/** A Go that writes what it was told into the file that it was to build. */
const GO = `#!/bin/sh
[ "$1 $2" = 'test -c' ] && verb='tests of '
while [ $# -gt 0 ]; do
  [ "$1" = -o ] && out=$2
  last=$1
  shift
done
echo "$verb$last, in $(basename "$PWD"), CGO_ENABLED=\${CGO_ENABLED-unset}" >"$out"
`;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'install-'));
  await mkdir(path.join(root, 'tools/many'), { recursive: true });
  await mkdir(path.join(root, 'path'));
  await mkdir(path.join(root, 'result'));
  await writeFile(path.join(root, 'tools/many/go.mod'), 'module many\n\ngo 1.24.0\n\nrequire example.org/a v1.2.3\n');
  await writeFile(path.join(root, 'tools/many/go.sum'), 'example.org/a v1.2.3 h1:x=\n');
  await writeFile(path.join(root, 'tools/many/main.go'), MAIN);
  await writeFile(path.join(root, 'path/go'), GO, { mode: 0o755 });
  vi.stubEnv('PATH', `${path.join(root, 'path')}:${process.env.PATH}`);
  vi.stubEnv('CGO_ENABLED', undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

/** A tool whose main package lies in the project. */
function tool(more: Partial<GoSource> = {}): Tool {
  return {
    command: 'many',
    source: {
      kind: 'go',
      directory: 'tools/many',
      module: 'example.org/a',
      package: '.',
      linkerFlags: () => [],
      ...more,
    },
  };
}

/** Installs it, and gives the folder with the command. */
async function install(subject: Tool): Promise<string> {
  const folder = path.join(root, 'result');
  await (await recipeFor(subject, root)).install(folder, () => undefined);
  return path.join(folder, 'bin');
}

describe('a Go tool', () => {
  it('is built in the folder of its pins, under the name of its command', async () => {
    const bin = await install(tool({ package: 'example.org/a/cmd/other' }));
    expect(await readFile(path.join(bin, 'many'), 'utf8')).toBe(
      'example.org/a/cmd/other, in many, CGO_ENABLED=unset\n',
    );
    expect(await exists(path.join(bin, 'other'))).toBe(false);
  });

  it('may be a package of the project, without C, and have further names', async () => {
    const bin = await install(tool({ static: true, aliases: ['one', 'two'] }));
    expect(await readFile(path.join(bin, 'one'), 'utf8')).toBe('., in many, CGO_ENABLED=0\n');
    expect(await Promise.all(['one', 'two'].map((name) => readlink(path.join(bin, name))))).toEqual(['many', 'many']);
  });

  it('may be the tests of a package, beside a program that the same pins make', async () => {
    const bin = await install(tool({ test: true }));
    expect(await readFile(path.join(bin, 'many'), 'utf8')).toMatch(/^tests of \., in many,/);
    expect((await recipeFor(tool({ test: true }), root)).key).not.toBe((await recipeFor(tool(), root)).key);
  });

  it('may have the pins of another program', async () => {
    const one = await recipeFor(tool({ samePins: true, package: 'example.org/a/one' }), root);
    const other = await recipeFor(tool({ samePins: true, package: 'example.org/a/other' }), root);
    expect(one.key).not.toBe(other.key);
  });

  it('may need no module of others, and is then built anew after a change of its code alone', async () => {
    await rm(path.join(root, 'tools/many/go.sum'));
    await writeFile(path.join(root, 'tools/many/go.mod'), 'module many\n\ngo 1.24.0\n');
    const before = await recipeFor(tool({ module: null }), root);
    expect(before.key).toMatch(/^many-v0\.0\.0-[0-9a-f]{12}$/);
    await writeFile(path.join(root, 'tools/many/main.go'), `${MAIN}// changed\n`);
    expect((await recipeFor(tool({ module: null }), root)).key).not.toBe(before.key);
  });

  it.each<[string, Partial<GoSource>, Record<string, string>]>([
    ['its code', {}, { 'main.go': `${MAIN}// changed\n` }],
    ['another file of its code', {}, { 'more.go': 'package main\n' }],
    ['a checksum', {}, { 'go.sum': 'example.org/a v1.2.3 h1:y=\n' }],
    ['a link-time setting', { linkerFlags: (version) => [`-X main.version=${version}`] }, {}],
    ['that it is built without C', { static: true }, {}],
    ['its further names', { aliases: ['one'] }, {}],
    ['that it is the tests of a package', { test: true }, {}],
  ])('is built anew after a change of %s', async (_, source, files) => {
    const before = await recipeFor(tool(), root);
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(root, 'tools/many', name), text);
    const after = await recipeFor(tool(source), root);
    expect(after.key).not.toBe(before.key);
    expect(after.key).toMatch(/^many-v1\.2\.3-[0-9a-f]{12}$/);
  });

  it('is not built anew for what is no part of it', async () => {
    const before = await recipeFor(tool(), root);
    await writeFile(path.join(root, 'tools/many/notes.md'), 'words\n');
    expect((await recipeFor(tool(), root)).key).toBe(before.key);
  });
});
