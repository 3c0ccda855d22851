import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../test/support/free-port.ts';
import { Listener } from './listener.ts';
import { listen as listenOn } from './testing/loopback.ts';

let listener: Listener | undefined;

async function listen(address: string): Promise<number> {
  const port = await freePort();
  listener = new Listener({ address, port }, { handler: (_request, response) => response.end('here') });
  await listener.start();
  return port;
}

afterEach(() => listener?.stop());

describe('a listener', () => {
  it('without an address answers on every one, of both families', async () => {
    const port = await listen('');
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('here');
    }
  });

  it('with an address answers there alone', async () => {
    const port = await listen('127.0.0.1');
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow();
  });

  it('can be started again, also after another process had its port', async () => {
    const port = await freePort();
    const other = await listenOn(createServer(), port);
    listener = new Listener({ address: '127.0.0.1', port }, { handler: (_request, response) => response.end('here') });
    await expect(listener.start()).rejects.toThrow(/EADDRINUSE/);
    await listener.stop();
    await other.kill();
    await listener.start();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    await listener.stop();
    await listener.start();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });
});

describe('a listener whose clients are slow', () => {
  const LIMIT = { timeout: 8000, interval: 10 };
  const clients: Socket[] = [];
  let port: number;
  let handle: RequestListener;
  const onError = vi.fn();

  beforeEach(async () => {
    port = await freePort();
    handle = (_request, response) => response.end('here');
    listener = new Listener(
      { address: '127.0.0.1', port, connections: 4, answerSeconds: 1 },
      { handler: (request, response) => handle(request, response), onError },
    );
    await listener.start();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });

  /** A client that sends this much, and reads nothing unless it is told to. */
  async function open(text = ''): Promise<Socket> {
    const client = connect({ host: '127.0.0.1', port });
    clients.push(client);
    client.on('error', () => client.destroy());
    client.on('end', () => client.destroy());
    await once(client, 'connect');
    client.write(text);
    return client;
  }

  const openOnes = () => clients.filter(({ destroyed }) => !destroyed).length;

  it.each([
    ['say nothing', ''],
    ['begin a request', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  ])('keeps only a few of those that %s, and answers who asks', async (_, text) => {
    for (let count = 0; count < 40; count += 1) (await open(text)).resume();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here');
    await vi.waitFor(() => expect(openOnes()).toBeLessThanOrEqual(4), LIMIT);
  });

  it('ends them within seconds', async () => {
    for (const text of ['', 'GET /', 'GET / HTTP/1.1\r\nHost: a\r\n']) (await open(text)).resume();
    const beganMs = performance.now();
    await vi.waitFor(() => expect(openOnes()).toBe(0), LIMIT);
    expect(performance.now() - beganMs).toBeLessThan(5000);
  });

  it('ends who does not read an answer, or only a little at a time', async () => {
    handle = (_request, response) => response.end(Buffer.alloc(32 * 1024 * 1024));
    await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const trickle = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    trickle.on('readable', () => undefined);
    const timer = setInterval(() => trickle.read(1), 20);
    await vi.waitFor(async () => {
      const connections = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' }).then(
        () => listener?.connections,
      );
      expect(connections).toBeLessThanOrEqual(1);
    }, LIMIT);
    clearInterval(timer);
  });

  it('does not end an answer that is owed for one who only connects', async () => {
    let finish: (() => void) | undefined;
    handle = (_request, response) => {
      finish = () => response.end('at last');
    };
    const asked = fetch(`http://127.0.0.1:${port}/`);
    await vi.waitFor(() => expect(finish).toBeDefined(), LIMIT);
    for (let count = 0; count < 12; count += 1) (await open()).resume();
    finish?.();
    expect(await (await asked).text()).toBe('at last');
  });

  it('answers only so many requests that come in one go', async () => {
    let asked = 0;
    handle = (_request, response) => {
      asked += 1;
      response.end('here');
    };
    const client = await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(500));
    client.resume();
    await vi.waitFor(() => expect(client.destroyed).toBe(true), LIMIT);
    expect(asked).toBeLessThanOrEqual(20);
  });

  it('ends a kept connection for a new one once it was answered, and not for how long its answer took', async () => {
    const ask = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const received: number[] = [0, 0, 0, 0];
    for (const index of received.keys()) {
      const client = await open(ask);
      client.on('data', () => {
        received[index] = (received[index] ?? 0) + 1;
      });
      await vi.waitFor(() => expect(received[index]).toBe(1), LIMIT);
    }
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here');
    // Longer than an answer may take.
    const answeredMs = performance.now();
    await vi.waitFor(() => expect(performance.now() - answeredMs).toBeGreaterThan(1200), LIMIT);
    clients.at(-1)?.write(ask);
    await vi.waitFor(() => expect(received.at(-1)).toBe(2), LIMIT);
  });
});
