import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { OnPath } from './catalogue.ts';
import { findOnPath } from './files.ts';
import { parseVersion, satisfies } from './version.ts';

const ANSWER_LIMIT_MS = 20_000;

/** A command on PATH that may be used. */
export interface Accepted {
  readonly path: string;
  readonly version: string;
}

/**
 * The first command on PATH whose version is good.
 * @param searchPath a PATH
 * @param leaveOut folders of it that are not looked into: the project's own links
 */
export async function acceptFromPath(
  onPath: OnPath,
  searchPath: string,
  leaveOut: readonly string[],
): Promise<Accepted | undefined> {
  for (const file of await findOnPath(onPath.command, searchPath, leaveOut)) {
    const version = await goodVersion(file, onPath);
    if (version !== undefined) return { path: file, version };
  }
  return undefined;
}

async function goodVersion(file: string, onPath: OnPath): Promise<string | undefined> {
  const said = await execa(file, onPath.versionArguments, {
    reject: false,
    all: true,
    stdin: 'ignore',
    timeout: ANSWER_LIMIT_MS,
  });
  const version = said.failed ? undefined : parseVersion(said.all ?? '');
  if (version === undefined || !satisfies(version, onPath)) return undefined;
  if (onPath.alsoRenders === 'kubeVersion' && !(await rendersForPresentKubernetes(file))) return undefined;
  return version.join('.');
}

/**
 * Whether this helm renders a chart for a Kubernetes of today. A Helm 3 from a plain `go install` takes every cluster for 1.20,
 * because only upstream's makefile sets the default.
 */
async function rendersForPresentKubernetes(helm: string): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'helm-acceptance-'));
  try {
    await mkdir(path.join(folder, 'templates'));
    await writeFile(
      path.join(folder, 'Chart.yaml'),
      'apiVersion: v2\nname: acceptance\nversion: 1.0.0\nkubeVersion: ">=1.29.0-0"\n',
    );
    const result = await execa(helm, ['template', 'acceptance', folder], {
      reject: false,
      stdin: 'ignore',
      timeout: ANSWER_LIMIT_MS,
      env: { HELM_DATA_HOME: path.join(folder, 'data'), HELM_CONFIG_HOME: path.join(folder, 'config') },
    });
    return !result.failed;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
