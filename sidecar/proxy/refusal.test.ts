import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { accepts, refuses } from './refusal.ts';

describe('a server', () => {
  it('refuses when its kernel says that nobody listens, and not when it takes connections', async () => {
    const server = await listen(createServer());
    expect(await refuses({ address: '127.0.0.1', port: server.port })).toBe(false);
    await server.kill();
    expect(await refuses({ address: '127.0.0.1', port: server.port })).toBe(true);
  });

  it('accepts while somebody listens, and not when nobody does', async () => {
    const server = await listen(createServer());
    expect(await accepts({ address: '127.0.0.1', port: server.port })).toBe(true);
    await server.kill();
    expect(await accepts({ address: '127.0.0.1', port: server.port })).toBe(false);
  });

  it('does not refuse when it cannot be reached', async () => {
    // Of class E: the kernel has no way there.
    expect(await refuses({ address: '240.0.0.1', port: 6443 })).toBe(false);
  });
});
