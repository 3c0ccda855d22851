import { spawn } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { freePort } from '../../test/support/free-port.ts';
import { Program } from '../../test/support/program.ts';
import { TcpProbe } from './tcp.ts';

const signal = new AbortController().signal;

function create(port: number, host = '127.0.0.1', timeoutSeconds = 5): TcpProbe {
  return new TcpProbe({ host, port, timeoutSeconds });
}

/** An address reserved for documentation (RFC 5737) whose packets are, at best, dropped. */
const NOWHERE = '192.0.2.1';

describe('TcpProbe', () => {
  it('succeeds when the port takes the connection, and closes it without a byte', async () => {
    let received = 0;
    const server = createServer((socket) =>
      socket.on('data', (chunk) => {
        received += chunk.length;
      }),
    );
    const { port, sockets, kill } = await listen(server);
    expect(await create(port).probe(signal)).toMatchObject({
      outcome: 'success',
      reason: `tcp://127.0.0.1:${port} took the connection`,
    });
    await vi.waitFor(() => expect(sockets.size).toBe(0));
    expect(received).toBe(0);
    await kill();
  });

  it('is refused where nothing listens', async () => {
    const port = await freePort();
    const expected = {
      outcome: 'refused',
      code: 'ECONNREFUSED',
      reason: `tcp://127.0.0.1:${port}: connection refused, nothing listens there`,
    };
    expect(await create(port).probe(signal)).toMatchObject(expected);
    expect(await create(port, 'localhost').probe(signal)).toMatchObject({ outcome: 'refused', code: 'ECONNREFUSED' });
  });

  it('fails when the name does not resolve', async () => {
    expect(await create(80, 'no-such-host.invalid').probe(signal)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('no-such-host.invalid'),
    });
  });

  it('is inconclusive when it is given up', async () => {
    const controller = new AbortController();
    const result = create(80, NOWHERE).probe(controller.signal);
    controller.abort();
    expect(await result).toMatchObject({ outcome: 'inconclusive' });
    expect(await create(80, NOWHERE).probe(controller.signal)).toMatchObject({ outcome: 'inconclusive' });
  });

  it('fails when there is no connection within the time-out', async () => {
    // A listener whose backlog is full drops further connection requests: the client hears nothing.
    const { port, kill, fill } = await listenWithoutAccepting();
    await fill();
    const result = await create(port, '127.0.0.1', 0.1).probe(signal);
    expect(result).toMatchObject({
      outcome: 'failure',
      code: 'ETIMEDOUT',
      reason: `tcp://127.0.0.1:${port}: no connection within 0.1 s`,
    });
    await kill();
  });
});

/** A process that listens and accepts nothing; `fill` connects until its backlog is full. */
async function listenWithoutAccepting() {
  const script = `const server = require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 },
    () => { process.stdout.write(server.address().port + ';'); process.kill(process.pid, 'SIGSTOP'); });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const listener = new Program('the listener', child);
  const limit = { limitMs: 10_000, everyMs: 5 };
  const port = Number(await listener.until('its port', () => /^\d+(?=;)/.exec(listener.output)?.[0], limit));
  const sockets: Socket[] = [];
  const connects = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      sockets.push(socket);
      socket.on('error', () => resolve(false));
      socket.once('connect', () => resolve(true));
      setTimeout(() => resolve(false), 200);
    });
  return {
    port,
    fill: async () => {
      for (let count = 0; count < 10 && (await connects()); count += 1);
    },
    kill: async () => {
      for (const socket of sockets) socket.destroy();
      await listener.stop();
    },
  };
}
