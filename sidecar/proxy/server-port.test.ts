import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { accepts, ServerPort } from './server-port.ts';

const LIMIT = { timeout: 15_000, interval: 10 };
const open: ServerPort[] = [];

afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function serverPort(onError: (error: Error) => void = () => undefined): ServerPort {
  const port = new ServerPort(onError);
  open.push(port);
  return port;
}

describe('the port of a node that is prepared to be a server', () => {
  it('accepts while it is open, and not when it is closed', async () => {
    const port = await freePort();
    const endpoint = { address: '127.0.0.1', port };
    expect(await accepts(endpoint)).toBe(false);
    const server = serverPort();
    server.open(port);
    server.open(port);
    await vi.waitFor(async () => expect(await accepts(endpoint)).toBe(true), LIMIT);
    server.close();
    await vi.waitFor(async () => expect(await accepts(endpoint)).toBe(false), LIMIT);
  });

  it('that somebody else has is told, and tried again when it is opened the next time', async () => {
    const port = await freePort();
    const first = serverPort();
    first.open(port);
    await vi.waitFor(async () => expect(await accepts({ address: '127.0.0.1', port })).toBe(true), LIMIT);
    const onError = vi.fn();
    const second = serverPort(onError);
    second.open(port);
    await vi.waitFor(() => expect(onError).toHaveBeenCalled(), LIMIT);
    first.close();
    await vi.waitFor(async () => expect(await accepts({ address: '127.0.0.1', port })).toBe(false), LIMIT);
    second.open(port);
    await vi.waitFor(async () => expect(await accepts({ address: '127.0.0.1', port })).toBe(true), LIMIT);
  });
});
