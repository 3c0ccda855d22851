import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ensureBundles } from '../../scripts/build.ts';
import { INTERFACE } from '../../sidecar/testing/interface.ts';
import { defaultSettings } from '../../sidecar/testing/settings.ts';
import { freePort } from '../support/free-port.ts';
import { Program } from '../support/program.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/sidecar.cjs');
const MEBIBYTE = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'footprint-'));
const gate = join(directory, 'track/vip.gate');
const server: Server = createServer((_request, response) => response.end('ok'));
let statusPort = 0;
let metricsPort = 0;
let sidecar: Program | undefined;
let startedMs = 0;
let gateMs = 0;
/** What the machine needs for the start of Node alone, measured beside. */
let bareMs = 0;

function residentBytes(): number {
  const status = readFileSync(`/proc/${sidecar?.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

beforeAll(async () => {
  await ensureBundles();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const settings = defaultSettings();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
  settings.vrrp.addressInterface = INTERFACE;
  settings.checks.service = { ...settings.checks.service, url, intervalSeconds: 0.1 };
  settings.checks.kubelet = { ...settings.checks.kubelet, url, intervalSeconds: 0.1 };
  statusPort = await freePort();
  metricsPort = await freePort();
  settings.server.port = statusPort;
  settings.metrics.port = metricsPort;
  const config = join(directory, 'config.yaml');
  writeFileSync(config, stringify(settings));
  startedMs = performance.now();
  const args = ['--lite-mode', '--max-semi-space-size=1', BUNDLE, '--config', config, '--runtime-dir', directory];
  const env = { NODE_NAME: 'node1', NODE_IP: '192.0.2.11' };
  sidecar = new Program('the sidecar', spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env }));
  await sidecar.until('the first gate', () => existsSync(gate), { everyMs: 5 });
  gateMs = performance.now() - startedMs;
  startedMs = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  bareMs = performance.now() - startedMs;
});

afterAll(async () => {
  await sidecar?.stop();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the bundle', () => {
  it('has opened the gate soon after its start', () => {
    process.stdout.write(`start to first gate: ${gateMs.toFixed(0)} ms, of Node alone ${bareMs.toFixed(0)} ms\n`);
    expect(readFileSync(gate, 'utf8')).toBe('1\n');
    // Loose: the promise is 1 s on a machine that has nothing else to do.
    expect(gateMs).toBeLessThan(Math.max(5000, 50 * bareMs));
  });

  it('stays within 96 MiB while it probes twenty times a second and is scraped', async () => {
    const end = performance.now() + 15_000;
    let largest = 0;
    while (performance.now() < end) {
      for (const path of ['status', 'track', 'healthz'])
        await (await fetch(`http://127.0.0.1:${statusPort}/${path}`)).text();
      await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      largest = Math.max(largest, residentBytes());
      await delay(50);
    }
    process.stdout.write(`resident memory, largest: ${(largest / MEBIBYTE).toFixed(1)} MiB\n`);
    expect(largest).toBeLessThanOrEqual(96 * MEBIBYTE);
  });
});
