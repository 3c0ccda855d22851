import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { ensureBundles } from '../../scripts/build.ts';
import { INTERFACE } from '../../sidecar/testing/interface.ts';
import { defaultSettings } from '../../sidecar/testing/settings.ts';
import { freePort } from '../support/free-port.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { Program } from '../support/program.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/sidecar.cjs');
/** Who may not make namespaces may have no real-time priority either, by which standstills are seen. */
const repeated = canMakeNamespaces() === null ? repeatedWhenDisturbed() : {};
const MEBIBYTE = 1024 * 1024;
/** The chart's limit of memory. */
const MEMORY_LIMIT = 192 * MEBIBYTE;
/** Far fewer than a container has, so that few clients are enough to use them up. */
const FILE_LIMIT = 300;
const CLIENTS = 2000;
const FLOOD_MILLIS = 6000;
/** As the supervisor asks: every second, for 0.8 s; it gives the sidecar up after three answers that did not come. */
const ASK_MILLIS = 300;
const ANSWER_MILLIS = 800;

const directory = mkdtempSync(join(tmpdir(), 'flood-'));
const service: Server = createServer((_request, response) => response.end('ok'));
let statusPort = 0;
let metricsPort = 0;
let sidecar: Program;

function residentBytes(): number {
  const status = readFileSync(`/proc/${sidecar.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

const gate = (): string => readFileSync(join(directory, 'track/vip.gate'), 'utf8');

/** Thousands of clients that say little or nothing and connect again as soon as they are let go. */
class Flood {
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  readonly #texts: readonly string[];
  #stopped = false;
  connections = 0;

  constructor(port: number, texts: readonly string[]) {
    this.#port = port;
    this.#texts = texts;
    for (let client = 0; client < CLIENTS; client += 1) this.#connect(client);
  }

  #connect(client: number): void {
    if (this.#stopped) return;
    const socket = connect({ host: '127.0.0.1', port: this.#port });
    this.#sockets.add(socket);
    socket.on('connect', () => {
      this.connections += 1;
      socket.write(this.#texts[client % this.#texts.length] ?? '');
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      // Bounded: this machine has other things to do.
      setTimeout(() => this.#connect(client), 200);
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Asks for the pulse during a flood; gives the longest row of answers that did not come, and the most memory used. */
async function watchPulse(): Promise<{ missedInARow: number; largest: number }> {
  let missedInARow = 0;
  let missed = 0;
  let largest = 0;
  const end = performance.now() + FLOOD_MILLIS;
  while (performance.now() < end) {
    const ok = await fetch(`http://127.0.0.1:${statusPort}/pulse`, {
      signal: AbortSignal.timeout(ANSWER_MILLIS),
      headers: { Connection: 'close' },
    }).then(
      (response) => response.ok,
      () => false,
    );
    missed = ok ? 0 : missed + 1;
    missedInARow = Math.max(missedInARow, missed);
    largest = Math.max(largest, residentBytes());
    await delay(ASK_MILLIS);
  }
  return { missedInARow, largest };
}

beforeAll(async () => {
  await ensureBundles();
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const settings = defaultSettings();
  settings.vrrp.addressInterface = INTERFACE;
  settings.checks.service = {
    ...settings.checks.service,
    url: `http://127.0.0.1:${(service.address() as AddressInfo).port}/healthz`,
    intervalSeconds: 0.2,
  };
  settings.checks.kubelet.enabled = false;
  settings.checks.kubeApi.enabled = false;
  statusPort = await freePort();
  metricsPort = await freePort();
  Object.assign(settings.server, { port: statusPort });
  Object.assign(settings.metrics, { address: '127.0.0.1', port: metricsPort });
  const config = join(directory, 'config.yaml');
  writeFileSync(config, stringify(settings));
  const node = `exec "$0" --lite-mode --max-semi-space-size=1 ${BUNDLE} --config ${config} --runtime-dir ${directory}`;
  const child = spawn('sh', ['-c', `ulimit -n ${FILE_LIMIT}; ${node}`, process.execPath], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { NODE_NAME: 'node1', NODE_IP: '192.0.2.11' },
  });
  sidecar = new Program('the sidecar', child);
  await sidecar.untilHolds(() => expect(gate()).toBe('1\n'));
});

afterAll(async () => {
  await sidecar?.stop();
  service.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('thousands of slow clients', repeated, () => {
  const partial = 'GET /metrics HTTP/1.1\r\nHost: a\r\n';
  const whole = `${partial}\r\n`;

  it.each([
    ['the metrics', () => metricsPort, ['', partial, whole, whole.repeat(50)]],
    ['the port that the supervisor asks', () => statusPort, ['', partial]],
  ] as const)('of %s leave the sidecar its memory, its decisions and its pulse', async (_, port, texts) => {
    const flood = new Flood(port(), texts);
    const { missedInARow, largest } = await watchPulse().finally(() => flood.stop());
    const mebibytes = (largest / MEBIBYTE).toFixed(0);
    process.stdout.write(
      `${flood.connections} connections, ${mebibytes} MiB, ${missedInARow} answers missed in a row\n`,
    );
    expect(flood.connections).toBeGreaterThan(CLIENTS);
    expect(missedInARow).toBeLessThan(3);
    expect(largest).toBeLessThan(MEMORY_LIMIT);
    expect(gate()).toBe('1\n');
    expect(sidecar.output).not.toContain('nothing waited for');
    await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).status).toBe(200), {
      timeout: 30_000,
      interval: 100,
    });
  });
});

/** Sets how many file descriptors the sidecar may have; those that it has stay. */
function limitFiles(soft: number): void {
  execFileSync('prlimit', ['--pid', String(sidecar.pid), `--nofile=${soft}:${FILE_LIMIT}`]);
}

const noPrlimit = mustSkip('a sidecar without file descriptors', [command('prlimit')]);

describe.skipIf(noPrlimit)('a sidecar that has no file descriptor left', () => {
  it('goes on deciding what it decided, and answers when there are some again', async () => {
    limitFiles(1);
    const fromMs = performance.now();
    // Ten probes, and every other thing that is done at an interval.
    await vi.waitFor(() => expect(performance.now() - fromMs).toBeGreaterThan(3000), { timeout: 30_000, interval: 50 });
    expect(gate()).toBe('1\n');
    limitFiles(FILE_LIMIT);
    await vi.waitFor(
      async () => {
        const response = await fetch(`http://127.0.0.1:${statusPort}/status`, { signal: AbortSignal.timeout(1000) });
        const { fitness, checks } = (await response.json()) as {
          fitness: object;
          checks: { service: { lastResult: object } };
        };
        expect(fitness).toMatchObject({ band: 0 });
        expect(checks.service.lastResult).toMatchObject({ outcome: 'success' });
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(gate()).toBe('1\n');
  });
});
