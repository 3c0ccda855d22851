import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runtimeIn } from '../../sidecar/runtime/runtime.ts';
import { Sidecar } from '../../sidecar/sidecar.ts';
import { pulse } from '../../sidecar/status/verdicts.ts';
import { defaultSettings } from '../../sidecar/testing/settings.ts';
import { command, mustSkip } from '../support/needs.ts';

const LIMIT = { timeout: 30_000, interval: 10 };
const isRoot = () => (process.getuid?.() === 0 ? null : 'mounting a file system needs root: run it as root (sudo)');
const skip = mustSkip('a runtime directory that is full', [command('mount'), isRoot]);

let path: string;
let service: Server;
let sidecar: Sidecar;
let logged: string[];

/** Takes every page and then every inode that is left. */
function fill(): void {
  for (let index = 0; statfsSync(path).bavail > 0 && index < 1000; index += 1) {
    try {
      writeFileSync(join(path, `full-${index}`), Buffer.alloc(64 * 1024));
    } catch {
      // What fitted is there.
    }
  }
  for (let index = 0; statfsSync(path).ffree > 0 && index < 1000; index += 1) {
    try {
      writeFileSync(join(path, `inode-${index}`), '');
    } catch {
      break;
    }
  }
}

const track = (name: string): string => readFileSync(join(path, 'track', name), 'utf8');
/** Hidden files that are no one's but the process that wrote them. */
const temporaries = (): string[] =>
  [path, join(path, 'track')].flatMap((folder) => readdirSync(folder)).filter((name) => name.startsWith('.'));

beforeEach(async () => {
  if (skip) return;
  path = mkdtempSync(join(tmpdir(), 'full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,nr_inodes=64', 'full', path]);
  service = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(service, 'listening');
  logged = [];
  const settings = defaultSettings();
  settings.vrrp.addresses = ['192.0.2.100/24'];
  settings.vrrp.addressInterface = 'lo';
  settings.checks.service.url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/healthz`;
  settings.checks.kubelet.enabled = false;
  settings.checks.kubeApi.enabled = false;
  sidecar = new Sidecar(
    {
      node: 'node1',
      nodeAddress: '192.0.2.11',
      version: 'test',
      kubeApi: { url: undefined, caFile: '', tokenFile: '' },
      loaded: { settings, version: 'test' },
      nodes: ['node1'],
    },
    { runtime: runtimeIn(path), log: pino({}, { write: (line) => logged.push(line) }) },
  );
});

afterEach(async () => {
  if (skip) return;
  await sidecar.stop();
  service.closeAllConnections();
  service.close();
  execFileSync('umount', [path]);
  rmSync(path, { recursive: true });
});

describe.skipIf(skip)('a runtime directory that is full', () => {
  it('does not keep a gate open when the service dies', async () => {
    await sidecar.start();
    await vi.waitFor(() => expect(track('vip.gate')).toBe('1\n'), LIMIT);
    fill();
    service.close();
    service.closeAllConnections();
    await vi.waitFor(() => expect(track('vip.gate')).toBe('0\n'), LIMIT);
    await vi.waitFor(() => expect(Number(track('vip.offset'))).toBeLessThan(-100), LIMIT);
    expect(pulse(sidecar.snapshot()).status).toBe(200);
    expect(temporaries()).toEqual([]);
  });

  it('makes the pulse say that what is decided is not there, once in the log, without leaving anything', async () => {
    await runtimeIn(path).tracks.prepare();
    fill();
    await sidecar.start();
    await vi.waitFor(() => expect(sidecar.snapshot().trackProblem).toMatch(/track files: ENOSPC/), LIMIT);
    expect(pulse(sidecar.snapshot())).toMatchObject({ status: 503, body: { ok: false } });
    // As often as it tries again, and longer.
    const fromMs = performance.now();
    await vi.waitFor(() => expect(performance.now() - fromMs).toBeGreaterThan(2000), LIMIT);
    expect(temporaries()).toEqual([]);
    expect(logged.filter((line) => line.includes('cannot write the track files'))).toHaveLength(1);
    for (const name of readdirSync(path).filter((file) => /^(full|inode)-/.test(file))) rmSync(join(path, name));
    await vi.waitFor(() => expect(existsSync(join(path, 'track/vip.gate'))).toBe(true), LIMIT);
    await vi.waitFor(() => expect(pulse(sidecar.snapshot()).status).toBe(200), LIMIT);
  });
});
