import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort, portsForTests } from './free-port.ts';

describe('ports for tests', () => {
  it.each([
    ['the usual range', { first: 32_768, last: 60_999 }, { first: 12_000, last: 29_999 }],
    ['one that begins low', { first: 20_000, last: 60_999 }, { first: 12_000, last: 19_999 }],
    ['one that begins at 1024', { first: 1024, last: 50_000 }, { first: 50_001, last: 65_535 }],
  ])('are none that the kernel takes for outgoing connections: %s', (_, outgoing, expected) => {
    expect(portsForTests(outgoing)).toEqual(expected);
  });

  it('are refused with a sentence where the kernel takes them all', () => {
    expect(() => portsForTests({ first: 1024, last: 65_535 })).toThrow(
      'ip_local_port_range 1024 65535 leaves no ports',
    );
  });
});

describe('freePort', () => {
  it('gives a port on which a server can listen', async () => {
    const server = createServer().listen(await freePort());
    await once(server, 'listening');
    server.close();
  });

  it('gives a port to one test of the machine only, as long as that runs', async () => {
    const port = await freePort();
    const other = createSocket('udp4');
    other.bind(port, '127.0.0.1');
    expect(await once(other, 'listening').catch((error: NodeJS.ErrnoException) => error.code)).toBe('EADDRINUSE');
    other.close();
    const ports = await Promise.all(Array.from({ length: 50 }, freePort));
    expect(new Set([port, ...ports]).size).toBe(51);
  });

  it('does not keep the process alive', async () => {
    const module = new URL('free-port.ts', import.meta.url).href;
    const script = `const { freePort } = await import(${JSON.stringify(module)}); console.log(await freePort());`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 10_000,
    });
    expect(Number(stdout)).toBeGreaterThan(0);
  });
});
