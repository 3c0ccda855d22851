import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exists } from './files.ts';
import type { Recipe } from './recipe.ts';
import { Toolchain } from './toolchain.ts';

let folder: string;
let installs: number;
let obstacle: string | undefined;
let log: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'toolchain-'));
  await mkdir(path.join(folder, 'path'));
  installs = 0;
  obstacle = undefined;
  log = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** A command on the test's PATH that says `words` whatever it is asked. */
async function commandOnPath(name: string, words: string, exitCode = 0): Promise<void> {
  await writeFile(path.join(folder, 'path', name), `#!/bin/sh\necho '${words}'\nexit ${exitCode}\n`, { mode: 0o755 });
}

function recipe(command: string, version: string): Recipe {
  return {
    key: `${command}-${version}`,
    version,
    obstacle: async () => obstacle,
    install: async (target) => {
      installs += 1;
      await mkdir(path.join(target, 'bin'));
      await writeFile(path.join(target, 'bin', command), `#!/bin/sh\necho pinned ${version}\n`, { mode: 0o755 });
    },
  };
}

function toolchain(checkout = 'checkout', version = 'v1.0.0'): Toolchain {
  const options = {
    root: path.join(folder, checkout),
    store: path.join(folder, 'store'),
    searchPath: path.join(folder, 'path'),
  };
  return new Toolchain(options, {
    log: (line) => log.push(line),
    recipe: async (tool) => recipe(tool.command, version),
  });
}

describe('a tool on PATH', () => {
  it('is used when its version is good', async () => {
    await commandOnPath('kubeconform', 'v0.7.0');
    expect(await toolchain().ensure('kubeconform')).toEqual({
      name: 'kubeconform',
      path: path.join(folder, 'path/kubeconform'),
      version: '0.7.0',
      origin: 'PATH',
    });
    expect(installs).toBe(0);
  });

  it.each([
    ['is too old', 'v0.5.0', 0],
    ['does not say its version', 'development', 0],
    ['fails', 'v0.7.0', 1],
  ])('is passed over when it %s', async (_, words, exitCode) => {
    await commandOnPath('kubeconform', words, exitCode);
    expect(await toolchain().ensure('kubeconform')).toMatchObject({ origin: 'pinned', version: '1.0.0' });
  });

  it('is linked into the checkout, in place of what an earlier run linked', async () => {
    await toolchain().ensure('kubeconform');
    await commandOnPath('kubeconform', 'v0.7.0');
    await toolchain().ensure('kubeconform');
    expect(await readlink(path.join(folder, 'checkout/.tools/bin/kubeconform'))).toBe(
      path.join(folder, 'path/kubeconform'),
    );
  });

  it('is passed over when it is the link of this checkout, whatever PATH calls its folder', async () => {
    const link = path.join(folder, 'checkout/.tools/bin/kubeconform');
    await mkdir(path.dirname(link), { recursive: true });
    await writeFile(link, '#!/bin/sh\necho v0.7.0\n', { mode: 0o755 });
    await rm(path.join(folder, 'path'), { recursive: true });
    await symlink(path.dirname(link), path.join(folder, 'path'));
    expect(await toolchain().ensure('kubeconform')).toMatchObject({ origin: 'pinned' });
  });

  it('is passed over when it is a helm that takes every cluster for Kubernetes 1.20', async () => {
    await writeFile(
      path.join(folder, 'path/helm'),
      '#!/bin/sh\n[ "$1" = version ] && { echo v3.22.0; exit 0; }\necho "chart requires kubeVersion: >=1.29.0-0" >&2; exit 1\n',
      { mode: 0o755 },
    );
    expect(await toolchain().ensure('helm')).toMatchObject({ origin: 'pinned' });
  });
});

describe('a tool that is not on PATH', () => {
  it('is installed once and linked into the checkout', async () => {
    const tools = toolchain();
    const [first, second] = await Promise.all([tools.ensure('kubeconform'), tools.ensure('kubeconform')]);
    expect(first).toBe(second);
    expect(installs).toBe(1);
    const link = path.join(folder, 'checkout/.tools/bin/kubeconform');
    expect((await execa(link)).stdout).toBe('pinned v1.0.0');
    expect(await readlink(link)).toBe(first?.path);
  });

  it('is not installed again for another checkout on the machine', async () => {
    await toolchain('one').ensure('kubeconform');
    const second = await toolchain('two').ensure('kubeconform');
    expect(installs).toBe(1);
    expect(await readFile(second.path, 'utf8')).toContain('pinned v1.0.0');
  });

  it('is linked anew when the pin has changed', async () => {
    await toolchain('checkout', 'v1.0.0').ensure('kubeconform');
    await toolchain('checkout', 'v2.0.0').ensure('kubeconform');
    expect(await readlink(path.join(folder, 'checkout/.tools/bin/kubeconform'))).toBe(
      path.join(folder, 'store/kubeconform-v2.0.0/bin/kubeconform'),
    );
  });

  it('is installed once when two runs want it at the same time', async () => {
    await Promise.all([toolchain('one').ensure('kubeconform'), toolchain('two').ensure('kubeconform')]);
    expect(installs).toBe(1);
  });

  it('brings the tools it calls', async () => {
    const tools = toolchain();
    await tools.ensure('ct');
    const linked = ['ct', 'helm', 'untt', 'yamale', 'yamllint'];
    expect(await Promise.all(linked.map((name) => exists(path.join(tools.bin, name))))).toEqual(linked.map(() => true));
  });

  it('is named with what is missing and the command that installs it, when it cannot be had', async () => {
    obstacle = 'Go is missing; install Go 1.26 or newer';
    await expect(toolchain().ensure('helm')).rejects.toThrow(
      'helm v1.0.0 cannot be installed: Go is missing; install Go 1.26 or newer, then run: npm run tools -- helm (or have helm >= 3.16, < 5 on PATH)',
    );
    expect(installs).toBe(0);
  });
});
