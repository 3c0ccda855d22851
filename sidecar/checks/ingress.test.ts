import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { command, mustSkip } from '../../test/support/needs.ts';
import { waitFor } from '../../test/support/wait.ts';
import { createProbe } from '../probes/create-probe.ts';
import type { ProbeResult } from '../probes/types.ts';
import { type Nginx, startNginx } from '../testing/nginx.ts';
import { Tripwire } from './tripwire.ts';
import type { CheckState } from './types.ts';
import { CheckWorker } from './worker.ts';

/* A worker, a probe and a tripwire as the sidecar wires them, and a real nginx that is killed, reloaded and left alone. */

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

interface Watch {
  readonly worker: CheckWorker;
  readonly tripwire: Tripwire;
  readonly changes: CheckState[];
  readonly results: ProbeResult[];
  readonly trips: string[];
}

/** Watches a service by a probe whose interval is far longer than any test, so that only the tripwire can be the reason for haste. */
async function watch(url: string, judged = false): Promise<Watch> {
  const changes: CheckState[] = [];
  const results: ProbeResult[] = [];
  const trips: string[] = [];
  const timing = { intervalSeconds: 600, timeoutSeconds: 5, failureThreshold: 2, successThreshold: 1 };
  const probe = createProbe({ url, timeoutSeconds: 5, expectedStatuses: [200], host: '' });
  const worker = new CheckWorker(
    { timing, refusedIsFinal: true },
    { probe, onChange: (state) => changes.push(state), onResult: (result) => results.push(result) },
  );
  const onTripped = (reason: string) => {
    trips.push(reason);
    void worker.probeNow(reason);
  };
  const port = Number(new URL(url).port);
  const tripwire = new Tripwire(
    { host: '127.0.0.1', port, intervalSeconds: 0.2, timeoutSeconds: 1, judged },
    { onTripped },
  );
  cleanUps.push(
    () => worker.stop(),
    () => tripwire.stop(),
  );
  worker.start();
  tripwire.start();
  await waitFor('the service to be healthy', () => worker.state.healthy === true && tripwire.state.connected, {
    limitMs: 30_000,
  });
  return { worker, tripwire, changes, results, trips };
}

async function nginx(options: { workers?: number; server?: string; listen?: string } = {}): Promise<Nginx> {
  const started = await startNginx({ port: await freePort(), ...options });
  cleanUps.push(started.remove);
  return started;
}

/** Reloads and waits until new workers run. The old one that has the tripwire's connection ends when it gives that up. */
async function reload(server: Nginx, workers: number): Promise<void> {
  const before = await server.workers();
  server.reload();
  const replaced = async () => (await server.workers()).filter((pid) => !before.includes(pid)).length === workers;
  await waitFor('the new workers of nginx', replaced, { limitMs: 10_000, everyMs: 5 });
}

const noNginx = mustSkip('a real nginx that is killed and reloaded while it is watched', [command('nginx')]);

describe.skipIf(noNginx)('a watched nginx', () => {
  // Tens of milliseconds where the machine has time; the limit leaves room for one that is busy and is still far below any interval.
  const LIMIT_MS = 500;

  const failed = ({ worker, tripwire }: Watch) =>
    waitFor('the failure', () => worker.state.healthy === false && tripwire.state.refused, {
      limitMs: 30_000,
      everyMs: 1,
    });

  it.each(['http', 'tcp'])('is known to be dead within tens of milliseconds of SIGKILL (%s probe)', async (scheme) => {
    const server = await nginx({ workers: 4 });
    const watched = await watch(`${scheme}://127.0.0.1:${server.port}`, true);
    const killedAtMs = performance.now();
    await server.kill();
    await failed(watched);
    expect(performance.now() - killedAtMs).toBeLessThan(LIMIT_MS);
    expect(watched.changes.map(({ healthy }) => healthy)).toEqual([true, false]);
  });

  it.each([
    ['http', true],
    ['http', false],
    ['tcp', true],
    ['tcp', false],
  ])(
    'is known to be dead as soon when its workers die before its master (%s probe, port judged: %s)',
    async (scheme, judged) => {
      const server = await nginx({ workers: 4 });
      const { worker, tripwire, trips } = await watch(`${scheme}://127.0.0.1:${server.port}`, judged);
      let killedAtMs = 0;
      await server.killWorkersFirst(async () => {
        // The port still takes connections, into the backlog.
        await waitFor('a new connection', () => trips.length > 0 && tripwire.state.connected, {
          limitMs: 30_000,
          everyMs: 1,
        });
        killedAtMs = performance.now();
      });
      await waitFor('the failure', () => worker.state.healthy === false, { limitMs: 30_000, everyMs: 1 });
      expect(performance.now() - killedAtMs).toBeLessThan(LIMIT_MS);
      expect(tripwire.state.refused).toBe(judged);
    },
  );

  it('is found again by the next connection to the port that was refused', async () => {
    const server = await nginx();
    const { tripwire } = await watch(`http://127.0.0.1:${server.port}/`, true);
    await server.kill();
    await waitFor('the refusal', () => tripwire.state.refused, { limitMs: 30_000 });
    await server.start();
    await waitFor('the connection', () => tripwire.state.connected && !tripwire.state.refused, { limitMs: 30_000 });
  });

  it.each(['', 'reuseport'])('causes no fault by reloading again and again (listen option: "%s")', async (listen) => {
    const server = await nginx({ workers: 2, listen });
    const { worker, tripwire, changes, results } = await watch(`http://127.0.0.1:${server.port}/`, true);
    for (let count = 0; count < 5; count += 1) {
      await reload(server, 2);
      await worker.probeNow('it was reloaded');
    }
    expect(changes.map(({ healthy }) => healthy)).toEqual([true]);
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['success']));
    expect(tripwire.state.refused).toBe(false);
  });

  it('causes no fault when only its worker processes die and its master starts new ones', async () => {
    const server = await nginx({ workers: 1 });
    const { worker, changes, trips } = await watch(`http://127.0.0.1:${server.port}/`, true);
    for (const pid of await server.workers()) process.kill(pid, 'SIGKILL');
    await waitFor('the trip', () => trips.length > 0, { limitMs: 30_000 });
    await waitFor('the new worker', async () => (await server.workers()).length === 1, { limitMs: 30_000 });
    await worker.probeNow('it has a new worker');
    expect(changes.map(({ healthy }) => healthy)).toEqual([true]);
  });

  it('causes no fault by closing idle connections', async () => {
    const server = await nginx({ server: 'client_header_timeout 1s;' });
    const { tripwire, changes, results, trips } = await watch(`http://127.0.0.1:${server.port}/`, true);
    await vi.waitFor(() => expect(trips.length).toBeGreaterThanOrEqual(2), { timeout: 10_000 });
    await waitFor('the connection', () => tripwire.state.connected, { limitMs: 30_000 });
    expect(changes.map(({ healthy }) => healthy)).toEqual([true]);
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['success']));
    expect(new Set(trips)).toEqual(new Set([`127.0.0.1:${server.port} closed the held connection`]));
  });
});
