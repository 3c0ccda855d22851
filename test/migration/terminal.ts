import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import type { SiteDescription } from '../environment/site.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LIMIT_MS = 240_000;

/**
 * In the place of docker: runs the bundle that the image has as /app/controller.cjs, since there need not be an engine on this machine.
 */
const DOCKER = `#!/bin/sh
while [ "$1" != /app/controller.cjs ]; do shift; done
shift
exec '${process.execPath}' '${join(ROOT, 'dist/controller.cjs')}' "$@"
`;

/** What commands said. */
export interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** Where somebody types the page's commands: a folder with the chart, and kubectl and helm on PATH. */
export class Terminal {
  readonly #folder: string;
  readonly #kubeconfig: string;

  private constructor(folder: string, kubeconfig: string) {
    this.#folder = folder;
    this.#kubeconfig = kubeconfig;
  }

  /** @param folder an empty one, for the files that commands write */
  static async open(folder: string, { kubectl, helm, kubeconfig }: SiteDescription): Promise<Terminal> {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await symlink(kubectl, join(bin, 'kubectl'));
    await symlink(helm, join(bin, 'helm'));
    await writeFile(join(bin, 'docker'), DOCKER);
    await chmod(join(bin, 'docker'), 0o755);
    await symlink(join(ROOT, 'chart'), join(folder, 'chart'));
    return new Terminal(folder, kubeconfig);
  }

  /** Runs commands, the first of which that fails ends them. @throws Error with what they said */
  async run(commands: string, signal: AbortSignal): Promise<Said> {
    const env = { KUBECONFIG: this.#kubeconfig, PATH: `${join(this.#folder, 'bin')}:${process.env.PATH}` };
    const { stdout, stderr } = await execa('bash', ['-euo', 'pipefail', '-c', commands], {
      cwd: this.#folder,
      env,
      stdin: 'ignore',
      timeout: LIMIT_MS,
      cancelSignal: signal,
    });
    return { stdout, stderr };
  }
}
