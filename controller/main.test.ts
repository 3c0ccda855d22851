import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { buildProgram, CONTROLLER } from '../scripts/build.ts';
import { freePort } from '../test/support/free-port.ts';
import { Program } from '../test/support/program.ts';
import { FakeApiServer } from './testing/fake-api-server.ts';
import { settingsDocument } from './testing/settings.ts';

const LIMIT = { limitMs: 10_000, everyMs: 20 };
const POLL = { timeout: 10_000, interval: 20 };
const folder = mkdtempSync(join(tmpdir(), 'controller-'));
const bundle = join(folder, CONTROLLER.file);
const config = join(folder, 'config.yaml');
let running: Program | undefined;

function write(changes: Record<string, unknown> = {}): void {
  writeFileSync(config, stringify({ ...settingsDocument(), ...changes }));
}

function kubeconfig(server: string): string {
  const file = join(folder, 'kubeconfig');
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'nobody' } }],
    clusters: [{ name: 'fake', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'nobody', user: {} }],
  });
  writeFileSync(file, text);
  return file;
}

function run(arguments_: readonly string[], environment: Record<string, string> = {}) {
  const options = { env: environment, extendEnv: false, reject: false, timeout: 10_000 };
  return execa(process.execPath, [bundle, ...arguments_], options);
}

beforeAll(async () => {
  await buildProgram(CONTROLLER, folder);
}, 60_000);

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the controller’s command', () => {
  it('checks a good settings file without a word', async () => {
    write();
    const { exitCode, stderr } = await run(['--config', config, '--check']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('prints a line for each problem of a bad one, and ends with 2', async () => {
    write({ maxGroupsPerPool: 0, colour: 'red' });
    const { exitCode, stderr } = await run(['--config', config, '--check']);
    expect(exitCode).toBe(2);
    expect(
      stderr
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(':')[0]),
    ).toEqual(['maxGroupsPerPool', 'colour']);
  });

  it('says how it is used', async () => {
    const { exitCode, stderr } = await run([]);
    expect([exitCode, stderr]).toEqual([2, 'ERROR: usage: controller --config FILE [--check]']);
  });

  it('says what is missing outside of a cluster', async () => {
    write();
    const { exitCode, stderr } = await run(['--config', config]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('set KUBECONFIG');
  });

  it('serves page and status, leads, and gives the lease back when it is asked to end', async () => {
    const api = new FakeApiServer();
    const port = await freePort();
    write({ server: { address: '127.0.0.1', port }, log: { level: 'error' } });
    const environment = { KUBECONFIG: kubeconfig(await api.start()), POD_NAME: 'one', POD_NAMESPACE: 'kube-vip' };
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [bundle, '--config', config], { env: environment, stdio });
    const controller = new Program('the controller', child);
    running = controller;
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    await controller.until('it is ready', async () => (await ask('/readyz'))?.status === 200, LIMIT);
    await expect.poll(() => api.get('leases', 'vip-controller')?.spec, POLL).toMatchObject({ holderIdentity: 'one' });
    expect(await (await ask('/'))?.text()).toContain('<title>Virtual IP pools</title>');
    expect(await (await ask('/status'))?.json()).toMatchObject({ leading: true, leader: 'one', replica: 'one' });
    await controller.stop('SIGTERM');
    expect(await controller.closed).toBe(0);
    expect(api.get('leases', 'vip-controller')?.spec).toMatchObject({ holderIdentity: '' });
    await api.stop();
  });
});
