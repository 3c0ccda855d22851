import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { mustSkip } from '../../test/support/needs.ts';
import { createProbe } from './create-probe.ts';
import { HttpProbe } from './http.ts';
import { TcpProbe } from './tcp.ts';

const options = { timeoutSeconds: 5, expectedStatuses: [200], host: '', ca: undefined };

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
const noIPv6 = mustSkip('a tcp: URL of an IPv6 address', [() => (hasIPv6 ? null : 'loopback has no IPv6 address')]);

describe('createProbe', () => {
  it.each([
    ['http://127.0.0.1:10254/healthz', HttpProbe],
    ['https://127.0.0.1:6443/healthz', HttpProbe],
    ['tcp://127.0.0.1:80', TcpProbe],
  ])('chooses the probe for %s', (url, kind) => {
    const probe = createProbe({ ...options, url });
    expect(probe).toBeInstanceOf(kind);
    expect(probe.target).toBe(url);
  });

  it('refuses a scheme that has no probe, and names those that have', () => {
    expect(() => createProbe({ ...options, url: 'ftp://127.0.0.1/' })).toThrow(/ftp:.*http:, https:, tcp:/);
  });

  it.skipIf(noIPv6)('connects to the address of a tcp: URL, also of IPv6', async () => {
    const { port, kill } = await listen(createServer(), 0, '::1');
    const probe = createProbe({ ...options, url: `tcp://[::1]:${port}` });
    expect(probe.target).toBe(`tcp://[::1]:${port}`);
    expect(await probe.probe(new AbortController().signal)).toMatchObject({ outcome: 'success' });
    await kill();
  });
});
