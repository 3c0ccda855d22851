import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { buildProgram, SIDECAR } from '../scripts/build.ts';
import { freePort } from '../test/support/free-port.ts';
import { Program } from '../test/support/program.ts';
import type { Settings } from './config/settings.ts';
import { INTERFACE } from './testing/interface.ts';
import { planOf } from './testing/plan.ts';
import { defaultSettings } from './testing/settings.ts';

/** As in the image: the page is put into it by the bundler. */
const folder = mkdtempSync(join(tmpdir(), 'sidecar-'));
const MAIN = join(folder, SIDECAR.file);
const LIMIT = 10_000;
const WAIT = { limitMs: LIMIT, everyMs: 5 };
let directory: string;
let runtime: string;
let config: string;
let server: Server;
let running: Program | undefined;

function arguments_(...more: string[]): string[] {
  return [MAIN, '--config', config, '--runtime-dir', runtime, ...more];
}

/** The sidecar's environment in a pod, and nothing else. */
const environment = { NODE_NAME: 'node1', NODE_IP: '192.0.2.11', PATH: process.env.PATH ?? '' };

async function write(change: (settings: Settings) => void = () => undefined): Promise<void> {
  const settings = defaultSettings();
  settings.vrrp.addressInterface = INTERFACE;
  settings.checks.service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
  settings.checks.kubelet.enabled = false;
  settings.checks.kubeApi.enabled = false;
  settings.server.port = await freePort();
  settings.metrics.port = await freePort();
  change(settings);
  writeFileSync(config, stringify(settings));
}

/** Changes the settings of a running sidecar, as a ConfigMap's volume does: whole, by a rename. */
function edit(change: (settings: Settings) => void): void {
  const settings = parse(readFileSync(config, 'utf8')) as Settings;
  change(settings);
  writeFileSync(`${config}.new`, stringify(settings));
  renameSync(`${config}.new`, config);
}

function start(more: Readonly<Record<string, string>> = {}, words: readonly string[] = []): Program {
  const env = { ...environment, ...more };
  running = new Program(
    'the sidecar',
    spawn(process.execPath, arguments_(...words), { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  return running;
}

beforeAll(() => buildProgram(SIDECAR, folder));

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'main-'));
  runtime = mkdtempSync(join(directory, 'run-'));
  config = join(directory, 'config.yaml');
  server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the sidecar', () => {
  it('refuses a bad settings file with one line per problem, before anything is touched', async () => {
    await write((settings) => {
      settings.vrrp.virtualRouterId = 999;
      settings.vrrp.addresses = ['192.0.2.300'];
      Object.assign(settings.checks, { colour: 'red' });
    });
    const { exitCode, stderr } = await execa(process.execPath, arguments_(), {
      env: environment,
      reject: false,
      timeout: LIMIT,
    });
    expect(exitCode).toBe(2);
    expect(stderr.split('\n')).toEqual([
      `ERROR: ${config} is not usable, nothing was touched:`,
      expect.stringMatching(/^ {2}vrrp\.virtualRouterId: Too big: expected number to be <=255 \(line \d+\)$/),
      expect.stringMatching(
        /^ {2}vrrp\.addresses\[0\]: "192\.0\.2\.300" is not an IPv4 or IPv6 address.*\(line \d+\)$/,
      ),
      expect.stringMatching(/^ {2}checks\.colour: is not a known key; correct its spelling or remove it \(line \d+\)$/),
    ]);
    expect(readdirSync(runtime)).toEqual([]);
  });

  it('says which file it cannot read', async () => {
    const { exitCode, stderr } = await execa(process.execPath, arguments_(), {
      env: environment,
      reject: false,
      timeout: LIMIT,
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/the settings file cannot be read: ENOENT/)]);
  });

  it('only checks the settings file when asked to', async () => {
    await write();
    const { exitCode } = await execa(process.execPath, arguments_('--check'), {
      env: environment,
      reject: false,
      timeout: LIMIT,
    });
    expect(exitCode).toBe(0);
    expect(readdirSync(runtime)).toEqual([]);
  });

  it('names the values to change when another process has its port, before anything is touched', async () => {
    const { port } = server.address() as AddressInfo;
    await write((settings) => {
      settings.server.port = port;
    });
    const { exitCode, stderr } = await execa(process.execPath, arguments_(), {
      env: environment,
      reject: false,
      timeout: LIMIT,
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /EADDRINUSE.*; another process has the port: set sidecar\.port or metrics\.port to a free one/,
    );
    expect(readdirSync(runtime)).toEqual([]);
  });

  it('opens the gate for a healthy service, offers a configuration, and ends in order on SIGTERM', async () => {
    await write();
    const sidecar = start();
    await sidecar.untilHolds(() => expect(readFileSync(join(runtime, 'track/vip.gate'), 'utf8')).toBe('1\n'), WAIT);
    await sidecar.untilHolds(
      () =>
        expect(readFileSync(join(runtime, 'candidate.conf'), 'utf8')).toMatch(
          new RegExp(` 192\\.0\\.2\\.100/(24|32) dev ${INTERFACE}\n`),
        ),
      WAIT,
    );
    await sidecar.untilHolds(() => expect(sidecar.output).toContain('"msg":"started"'), WAIT);
    await sidecar.stop('SIGTERM');
    expect(await sidecar.closed).toBe(0);
    // The files stay: keepalived goes on with them.
    expect(existsSync(join(runtime, 'track/vip.gate'))).toBe(true);
    expect(sidecar.output).toContain('"outcome":"not holding"');
  });

  it('closes the gate when the service dies', async () => {
    await write();
    const sidecar = start();
    const gate = (): string => readFileSync(join(runtime, 'track/vip.gate'), 'utf8');
    await sidecar.untilHolds(() => expect(gate()).toBe('1\n'), WAIT);
    server.close();
    server.closeAllConnections();
    await sidecar.untilHolds(() => expect(gate()).toBe('0\n'), WAIT);
    // And reopens it in the last band, as the last resort.
    await sidecar.untilHolds(() => expect(gate()).toBe('1\n'), WAIT);
    expect(Number(readFileSync(join(runtime, 'track/vip.offset'), 'utf8'))).toBeLessThanOrEqual(-120);
  });

  it('drains while the file asks for it', async () => {
    await write();
    const sidecar = start();
    const offset = (): number => Number(readFileSync(join(runtime, 'track/vip.offset'), 'utf8'));
    await sidecar.untilHolds(() => expect(offset()).toBe(-30), WAIT);
    writeFileSync(join(runtime, 'drain'), '');
    await sidecar.untilHolds(() => expect(readFileSync(join(runtime, 'drained'), 'utf8')).toBe('moved\n'), WAIT);
    expect(offset()).toBe(-169);
    rmSync(join(runtime, 'drain'));
    await sidecar.untilHolds(() => expect(offset()).toBe(-30), WAIT);
    await sidecar.untilHolds(() => expect(existsSync(join(runtime, 'drained'))).toBe(false), WAIT);
  });

  it('follows and forgets cordons and plans as changed settings ask for it, without a restart', async () => {
    await write((settings) => {
      settings.pools.enabled = true;
      settings.vrrp.addresses = ['192.0.2.200/24'];
    });
    // What was known before the process began; the API server, which does not speak TLS, never tells anything else.
    writeFileSync(join(runtime, 'cordon.json'), '"kubectl cordon"');
    writeFileSync(join(runtime, 'plan.json'), JSON.stringify(planOf('p1')));
    const { port } = server.address() as AddressInfo;
    const sidecar = start({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) });
    const track = (name: string): string => readFileSync(join(runtime, 'track', name), 'utf8');
    const kept = (name: string): boolean => existsSync(join(runtime, name));
    const count = (text: string): number => sidecar.output.split(text).length - 1;
    await sidecar.untilHolds(() => expect(Number(track('vip.offset'))).toBeLessThan(-60), WAIT);
    await sidecar.untilHolds(() => expect(track('default-0.gate')).toBe('1\n'), WAIT);
    await sidecar.untilHolds(() => expect(count('cordons of this node are not seen')).toBe(1), WAIT);
    await sidecar.untilHolds(() => expect(count('plans for this node are not seen')).toBe(1), WAIT);
    await sidecar.untilHolds(() => expect(count('"msg":"started"')).toBe(1), WAIT);

    edit((settings) => {
      settings.drain.onCordon = false;
      settings.pools.enabled = false;
    });
    await sidecar.untilHolds(() => expect(track('vip.offset')).toBe('-30\n'), WAIT);
    await sidecar.untilHolds(() => expect(track('default-0.gate')).toBe('0\n'), WAIT);
    // Also after the next start nothing is known of them.
    await sidecar.untilHolds(() => expect([kept('cordon.json'), kept('plan.json')]).toEqual([false, false]), WAIT);

    edit((settings) => {
      settings.drain.onCordon = true;
      settings.pools.enabled = true;
    });
    await sidecar.untilHolds(() => expect(count('cordons of this node are not seen')).toBe(2), WAIT);
    await sidecar.untilHolds(() => expect(count('plans for this node are not seen')).toBe(2), WAIT);
    // What it forgot it does not remember.
    expect([track('vip.offset'), track('default-0.gate')]).toEqual(['-30\n', '0\n']);
  });

  it('takes the settings that its pod brought, until others are put in their place, and without an API server', async () => {
    await write((settings) => {
      settings.checks.kubeApi.enabled = true;
    });
    const first = readFileSync(config, 'utf8');
    rmSync(config);
    const kubeconfig = join(directory, 'kubeconfig');
    const more = ['--kubeconfig', kubeconfig, '--release-settings', 'vip/api'];
    const sidecar = start({ FIRST_SETTINGS: first, KUBERNETES_SERVICE_HOST: '127.0.0.1' }, more);
    await sidecar.untilHolds(() => expect(sidecar.output).toContain('"msg":"started"'), WAIT);
    expect(readFileSync(config, 'utf8')).toBe(first);
    await sidecar.untilHolds(() => expect(sidecar.output).toContain('the release’s settings are not seen'), WAIT);
    expect(sidecar.output).toContain(`the kubeconfig cannot be read from ${kubeconfig} (ENOENT)`);
    const answer = await fetch(`http://127.0.0.1:${(parse(first) as Settings).server.port}/status`);
    expect(await answer.json()).toMatchObject({ checks: { kubeApi: { enabled: false } } });
    edit((settings) => {
      settings.vrrp.virtualRouterId = 77;
    });
    await sidecar.untilHolds(() => expect(sidecar.output).toContain('settings taken'), WAIT);
  });

  it('prints a static pod, and ends', async () => {
    const values = join(directory, 'values.yaml');
    writeFileSync(values, 'controlPlaneLoadBalancing: {}');
    const command = [MAIN, 'manifest', '--chart', join(import.meta.dirname, '../chart'), '--values', values];
    const run = () => execa(process.execPath, command, { env: environment, reject: false, timeout: LIMIT });
    expect(await run()).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^static pods are for/) });
    const instance = { virtualIPs: ['192.0.2.3/24'], authPass: 'secret' };
    writeFileSync(
      values,
      stringify({ controlPlaneLoadBalancing: { enabled: true, keepalived: { vrrpInstances: [instance] } } }),
    );
    const { exitCode, stdout } = await run();
    expect(exitCode).toBe(0);
    expect(parse(stdout)).toMatchObject({ kind: 'Pod', spec: { hostNetwork: true } });
  });

  it('says once which of its caches are damaged, and starts without them', async () => {
    let port = 0;
    await write((settings) => {
      settings.pools.enabled = true;
      port = settings.server.port;
    });
    mkdirSync(join(runtime, 'nodes.json'));
    writeFileSync(join(runtime, 'cordon.json'), '');
    writeFileSync(join(runtime, 'plan.json'), JSON.stringify(planOf('p1')).slice(0, 40));
    const sidecar = start({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' });
    await sidecar.untilHolds(() => expect(sidecar.output).toContain('"msg":"started"'), WAIT);
    const problems = [
      'nodes.json is damaged: it is no file',
      'cordon.json is damaged: it is not whole',
      'plan.json is damaged: it is not whole',
    ];
    for (const problem of problems) expect(sidecar.output.split(`"problem":"${problem}"`)).toHaveLength(2);
    const answer = await fetch(`http://127.0.0.1:${port}/status`);
    expect(await answer.json()).toMatchObject({ problems, pools: { problems } });
  });
});
