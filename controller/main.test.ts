import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
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

function run(arguments_: readonly string[], environment: Record<string, string> = {}, input = '') {
  const options = { env: environment, extendEnv: false, reject: false, timeout: 10_000, input };
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
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^ERROR: usage: controller --config FILE \[--check\]\n +controller release \[--stop NAMESPACE\/NAME\]\n/,
    );
  });

  it('translates pools of other load balancers without a cluster, and tells what is left out beside them', async () => {
    const pool = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', metadata: { name: 'web' } };
    const input = stringify({ ...pool, spec: { addresses: ['192.0.2.0/28'] } });
    const { exitCode, stdout, stderr } = await run(['translate'], {}, input);
    expect(exitCode).toBe(0);
    expect(parse(stdout)).toMatchObject({ kind: 'VirtualIPPool', spec: { ranges: [{ cidr: '192.0.2.0/28' }] } });
    expect(stderr).toMatch(/^WARNING: IPAddressPool web: no L2Advertisement is of it, .*$/);
    const refused = await run(['translate'], {}, 'a: b');
    expect([refused.exitCode, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/^ERROR: there is no pool in what was given/);
  });

  it('says what is missing outside of a cluster', async () => {
    write();
    const { exitCode, stderr } = await run(['--config', config]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('set KUBECONFIG');
  });

  it('refuses to stop what it is not told the namespace of', async () => {
    const { exitCode, stderr } = await run(['release', '--stop', 'vip-controller'], { KUBECONFIG: config });
    expect([exitCode, stderr]).toEqual([
      2,
      'ERROR: --stop is "vip-controller"; give the controller\'s Deployment as NAMESPACE/NAME',
    ]);
  });

  it('takes back what Services have, leading in the place of the controller that it stopped', async () => {
    const api = new FakeApiServer();
    const environment = { KUBECONFIG: kubeconfig(await api.start()), POD_NAME: 'release-1', POD_UID: 'uid-1' };
    const { exitCode, stdout, stderr } = await run(['release', '--stop', 'kube-vip/vip-controller'], environment);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'Deployment kube-vip/vip-controller: stopped\nthere is nothing to take back',
      stderr: '',
    });
    expect(api.get('leases', 'vip-controller')).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'Pod', name: 'release-1', uid: 'uid-1' }] },
      spec: { holderIdentity: 'release-1' },
    });
    await api.stop();
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
