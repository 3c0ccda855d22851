import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultSettings } from '../testing/settings.ts';
import { PoolChecks } from './pool-checks.ts';
import type { ServiceSettings } from './running-check.ts';

let server: Server;
let requests: string[];
let checks: PoolChecks;
const onChange = vi.fn();

function service(path: string): ServiceSettings {
  const { port } = server.address() as AddressInfo;
  return { ...defaultSettings().checks.service, url: `http://127.0.0.1:${port}${path}` };
}

beforeEach(async () => {
  onChange.mockReset();
  requests = [];
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  checks = new PoolChecks(
    { userAgent: 'test' },
    { lag: { stalledDuring: () => 0 }, monotonicMs: () => performance.now(), onChange, onResult: () => undefined },
  );
});

afterEach(() => {
  checks.stop();
  checks.stop();
  server.close();
  server.closeAllConnections();
});

describe('the checks of pools', () => {
  it('are shared by pools that ask for the same', async () => {
    checks.update(
      new Map([
        ['a', service('/x')],
        ['b', service('/x')],
        ['c', service('/y')],
      ]),
    );
    await vi.waitFor(() => expect(checks.view('c')?.healthy).toBe(true), 5000);
    await vi.waitFor(() => expect(checks.view('a')?.healthy).toBe(true), 5000);
    expect(checks.worker('a')).toBe(checks.worker('b'));
    expect(requests.toSorted()).toEqual(['/x', '/y']);
    expect(onChange.mock.calls.map(([pools]) => pools)).toContainEqual(['a', 'b']);
  });

  it('keep what they know while they are wanted, and are gone afterwards', async () => {
    checks.update(new Map([['a', service('/x')]]));
    await vi.waitFor(() => expect(checks.view('a')?.healthy).toBe(true), 5000);
    const worker = checks.worker('a');
    checks.update(new Map([['b', service('/x')]]));
    expect(checks.view('a')).toBeUndefined();
    expect(checks.worker('b')).toBe(worker);
    checks.update(new Map());
    expect(checks.view('b')).toBeUndefined();
  });

  it('fail at once when the port refuses connections', async () => {
    checks.update(new Map([['a', service('/x')]]));
    await vi.waitFor(() => expect(checks.view('a')?.healthy).toBe(true), 5000);
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(checks.view('a')?.healthy).toBe(false), { timeout: 1500, interval: 5 });
  });
});
