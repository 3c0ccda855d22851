import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ensureTool } from '../../scripts/tools.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CHART = 'keepalived-ingress-vip';
const COMMAND_LIMIT_MS = 60_000;
/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;
/** Values with which two renderings are the same: a random password differs each time. */
const VALUES = globSync('chart/ci/*-values.yaml', { cwd: ROOT })
  .filter((file) => !file.includes('random'))
  .toSorted();

let folder: string;
let helmCommand: string;
let server: Server;
let requested: string[];

/** Runs helm with homes of its own: nothing of the user's settings gets in, nothing of the test's gets out. */
async function helm(...parameters: string[]): Promise<string> {
  const result = await execa(helmCommand, parameters, {
    cwd: ROOT,
    env: {
      HELM_CACHE_HOME: path.join(folder, 'cache'),
      HELM_CONFIG_HOME: path.join(folder, 'config'),
      HELM_DATA_HOME: path.join(folder, 'data'),
    },
    timeout: COMMAND_LIMIT_MS,
    stdin: 'ignore',
  });
  return result.stdout;
}

async function listen(directory: string): Promise<Server> {
  requested = [];
  const app = express();
  app.use((request, _response, next) => {
    requested.push(request.path);
    next();
  });
  app.use(express.static(directory));
  return new Promise((resolve, reject) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
    listening.once('error', reject);
  });
}

beforeAll(async () => {
  helmCommand = await ensureTool('helm');
  folder = await mkdtemp(path.join(tmpdir(), 'chart-package-'));
  const repository = path.join(folder, 'repository');
  await mkdir(repository);
  await helm('package', 'chart', '--destination', repository);
  server = await listen(repository);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await helm('repo', 'index', repository, '--url', url);
  await helm('repo', 'add', 'packaged', url);
}, SET_UP_LIMIT_MS);

afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  if (folder) await rm(folder, { recursive: true, force: true });
});

describe('the packaged chart', () => {
  it('stands in the index with its version and the checksum of its archive', async () => {
    const chart = parse(await readFile(path.join(ROOT, 'chart/Chart.yaml'), 'utf8')) as {
      version: string;
      appVersion: string;
    };
    const index = parse(await readFile(path.join(folder, 'repository/index.yaml'), 'utf8'));
    const archive = await readFile(path.join(folder, 'repository', `${CHART}-${chart.version}.tgz`));
    expect(index.entries[CHART]).toEqual([
      expect.objectContaining({
        version: chart.version,
        appVersion: chart.appVersion,
        digest: createHash('sha256').update(archive).digest('hex'),
      }),
    ]);
  });

  it('carries what Helm and Rancher show, and none of the tests', async () => {
    const { version } = parse(await readFile(path.join(ROOT, 'chart/Chart.yaml'), 'utf8')) as { version: string };
    const archive = path.join(folder, 'repository', `${CHART}-${version}.tgz`);
    const { stdout } = await execa('tar', ['tzf', archive], { timeout: COMMAND_LIMIT_MS });
    const files = stdout.split('\n').map((file) => file.slice(CHART.length + 1));
    const shown = ['Chart.yaml', 'README.md', 'app-readme.md', 'questions.yaml', 'values.schema.json', 'values.yaml'];
    expect(files).toEqual(expect.arrayContaining(shown));
    expect(files.filter((file) => file.startsWith('tests/'))).toEqual([]);
  });

  it('has values files to be rendered with', () => {
    expect(VALUES.length).toBeGreaterThan(0);
  });

  it.each(VALUES)(
    'renders the same manifests from the index over HTTP as from the checkout with %s',
    async (values) => {
      requested = [];
      await rm(path.join(folder, 'cache'), { recursive: true, force: true });
      await helm('repo', 'update', 'packaged');
      // Which Helm would make anew each time that no cluster tells it.
      const key = ['--set', 'keepalived.resetConnections.key=0123456789abcdef'];
      const release = ['template', 'vip', '--namespace', 'vip', '-f', values, ...key];
      const installed = await helm(...release, `packaged/${CHART}`);
      expect(requested).toContain('/index.yaml');
      expect(requested.some((file) => file.endsWith('.tgz'))).toBe(true);
      expect(installed).toBe(await helm(...release, 'chart'));
      expect(installed).toContain('kind: ConfigMap');
    },
  );
});
