import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProbeMessage, WorkerOptions } from '../clients/probe-protocol.ts';
import { makeCertificate } from '../support/certificates.ts';
import { canMakeNamespaces, mustSkip } from '../support/needs.ts';
import { Program } from '../support/program.ts';

const WORKER = join(import.meta.dirname, '../clients/probe-worker.ts');
/** So slow that several attempts are always under way. */
const ANSWER_MS = 40;
/** The server runs in this process, which a busy machine may keep waiting as well: nothing here is about so short a time. */
const PATIENT_MS = 3000;

/** It raises its own priority. */
const skip = mustSkip('the client of the lab', [canMakeNamespaces]);

let server: Server;
let worker: Program | undefined;

const answerSlowly: RequestListener = (_request, response) => {
  setTimeout(() => response.end('node1'), ANSWER_MS);
};
const neverAnswer: RequestListener = () => undefined;

/** Starts a client of a server on loopback; gives what it tells, as it comes. */
async function start(
  listener: Server,
  more: Partial<WorkerOptions> = {},
): Promise<{ attempts: ProbeMessage['attempts']; missed: () => number; client: Program }> {
  server = listener.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options: WorkerOptions = {
    addresses: ['127.0.0.1'],
    port: (server.address() as AddressInfo).port,
    path: '/',
    interfaceName: 'lo',
    intervalMs: 5,
    timeoutMs: 200,
    maxInFlight: 100,
    forget: false,
    ...more,
  };
  const attempts: ProbeMessage['attempts'] = [];
  let missed = 0;
  const child = fork(WORKER, [JSON.stringify(options)], { silent: true });
  const client = new Program('the client', child);
  worker = client;
  child.on('message', (message: ProbeMessage) => {
    attempts.push(...message.attempts);
    missed = message.missed;
  });
  await client.until('its first attempts', () => attempts.length > 20);
  return { attempts, missed: () => missed, client };
}

afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  server.closeAllConnections();
  server.close();
});

describe.skipIf(skip)('the client of the lab', () => {
  it('blames nobody for a time in which it did not run itself, and says that it missed slots', async () => {
    const patient = { timeoutMs: PATIENT_MS, maxInFlight: 1200 };
    const { attempts, missed, client } = await start(createServer(answerSlowly), patient);
    const [before, missedBefore] = [attempts.length, missed()];
    process.kill(client.pid, 'SIGSTOP');
    await delay(2 * PATIENT_MS); // the time is what is tested
    process.kill(client.pid, 'SIGCONT');
    await client.until('attempts afterwards', () => attempts.length > before + 40);
    expect(attempts.filter(([, , , ok]) => !ok)).toEqual([]);
    expect(missed() - missedBefore).toBeGreaterThan(50);
  });

  it('counts a server that does not answer while the client runs', async () => {
    const { attempts } = await start(createServer(neverAnswer));
    expect(attempts[0]).toEqual(['127.0.0.1', expect.any(Number), expect.any(Number), false, 'timeout']);
  });

  it('asks by TLS where it is given an authority, and believes only what that one signed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'probe-worker-'));
    try {
      const [own, strange] = [join(folder, 'own'), join(folder, 'strange')];
      for (const each of [own, strange]) mkdirSync(each);
      const { caFile, certFile, keyFile } = await makeCertificate(own, ['127.0.0.1']);
      const { caFile: strangeCa } = await makeCertificate(strange, ['127.0.0.1']);
      const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
      const serve = () => createTlsServer(pair, ({ url }, response) => response.end(url));

      const patient = { timeoutMs: PATIENT_MS, intervalMs: 50 };
      const { attempts } = await start(serve(), { ...patient, ca: readFileSync(caFile, 'utf8'), path: '/readyz' });
      expect(new Set(attempts.map(([, , , ok, who]) => `${ok} ${who}`))).toEqual(new Set(['true /readyz']));
      await worker?.stop();
      server.close();

      const refused = await start(serve(), { ...patient, ca: readFileSync(strangeCa, 'utf8') });
      expect(refused.attempts.filter(([, , , ok]) => ok)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
