import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { HeldEndpoint } from './held-endpoint.ts';
import type { CheckChange } from './types.ts';

const LIMIT = { timeout: 15_000, interval: 5 };

class Backend {
  readonly sockets = new Set<Socket>();
  #server: Server | undefined;

  async start(port: number): Promise<void> {
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.resume();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  async crash(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }
}

function held(port: number) {
  const changes: CheckChange[] = [];
  const endpoint = new HeldEndpoint(
    { host: '127.0.0.1', port },
    { monotonicMs: () => performance.now(), onChange: (change) => changes.push(change) },
  );
  onTestFinished(() => endpoint.stop());
  endpoint.start();
  return { endpoint, changes };
}

describe('an endpoint that a connection is held to', () => {
  it('is gone once the connection broke and others are refused, until one is made again', async () => {
    const backend = new Backend();
    const port = await freePort();
    await backend.start(port);
    const { endpoint, changes } = held(port);
    await vi.waitFor(() => expect(endpoint.view.healthy).toBe(true), LIMIT);
    await vi.waitFor(() => expect(backend.sockets.size).toBe(1), LIMIT);
    const fromMs = performance.now();
    await backend.crash();
    await vi.waitFor(() => expect(endpoint.view).toMatchObject({ healthy: false, everFailed: true }), LIMIT);
    expect(endpoint.view.sinceMs).toBeGreaterThanOrEqual(fromMs);
    expect(changes).toMatchObject([{ healthy: false, lastResult: { reason: expect.stringContaining('refuses') } }]);
    await backend.start(port);
    await vi.waitFor(() => expect(changes).toHaveLength(2), LIMIT);
    expect([changes[1]?.healthy, endpoint.view.healthy]).toEqual([true, true]);
    endpoint.stop();
    await vi.waitFor(() => expect(backend.sockets.size).toBe(0), LIMIT);
    await backend.crash();
    expect(changes).toHaveLength(2);
  });

  it('is not gone by a connection that it closes while it takes others', async () => {
    const backend = new Backend();
    const port = await freePort();
    await backend.start(port);
    onTestFinished(() => backend.crash());
    const { endpoint, changes } = held(port);
    await vi.waitFor(() => expect(backend.sockets.size).toBe(1), LIMIT);
    const [first] = backend.sockets;
    first?.resetAndDestroy();
    await vi.waitFor(() => expect([...backend.sockets]).not.toContain(first), LIMIT);
    await vi.waitFor(() => expect(backend.sockets.size).toBe(1), LIMIT);
    expect([endpoint.view.healthy, changes]).toEqual([true, []]);
  });

  it('says nothing where no connection was ever made: something may keep the node from it', async () => {
    const port = await freePort();
    const { endpoint, changes } = held(port);
    const backend = new Backend();
    // It is tried again, which shows that it was refused before.
    await backend.start(port);
    onTestFinished(() => backend.crash());
    await vi.waitFor(() => expect(backend.sockets.size).toBe(1), LIMIT);
    expect(changes).toEqual([]);
    expect(endpoint.view.everFailed).toBe(false);
  });
});
