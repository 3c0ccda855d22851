import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProbeMessage, WorkerOptions } from '../lab/probe-protocol.ts';
import { waitFor } from '../lab/wait.ts';
import { canMakeNamespaces, mustSkip } from '../support/needs.ts';

const WORKER = join(import.meta.dirname, '../lab/probe-worker.ts');
const LIMIT = { limitMs: 10_000 };
/** So slow that several attempts are always under way. */
const ANSWER_MS = 40;

/** It raises its own priority. */
const skip = mustSkip('the client of the lab', [canMakeNamespaces]);

let server: Server;
let worker: ChildProcess | undefined;

/** Starts a client of a server on loopback; gives what it tells, as it comes. */
async function start(answers: boolean): Promise<{ attempts: ProbeMessage['attempts']; missed: () => number }> {
  server = createServer((_request, response) => {
    if (answers) setTimeout(() => response.end('node1'), ANSWER_MS);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options: WorkerOptions = {
    addresses: ['127.0.0.1'],
    port: (server.address() as AddressInfo).port,
    interfaceName: 'lo',
    intervalMs: 5,
    timeoutMs: 200,
    maxInFlight: 100,
    forget: false,
  };
  const attempts: ProbeMessage['attempts'] = [];
  let missed = 0;
  worker = fork(WORKER, [JSON.stringify(options)]);
  worker.on('message', (message: ProbeMessage) => {
    attempts.push(...message.attempts);
    missed = message.missed;
  });
  await waitFor('attempts', () => attempts.length > 20, LIMIT);
  return { attempts, missed: () => missed };
}

afterEach(() => {
  worker?.kill('SIGKILL');
  worker = undefined;
  server.closeAllConnections();
  server.close();
});

describe.skipIf(skip)('the client of the lab', () => {
  it('blames nobody for a time in which it did not run itself, and says that it missed slots', async () => {
    const { attempts, missed } = await start(true);
    const [before, missedBefore] = [attempts.length, missed()];
    worker?.kill('SIGSTOP');
    await delay(400); // the time is what is tested
    worker?.kill('SIGCONT');
    await waitFor('attempts afterwards', () => attempts.length > before + 40, LIMIT);
    expect(attempts.filter(([, , , ok]) => !ok)).toEqual([]);
    expect(missed() - missedBefore).toBeGreaterThan(50);
  });

  it('counts a server that does not answer while the client runs', async () => {
    const { attempts } = await start(false);
    expect(attempts[0]).toEqual(['127.0.0.1', expect.any(Number), expect.any(Number), false, 'timeout']);
  });
});
