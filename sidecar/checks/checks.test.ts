import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { defaultSettings } from '../testing/settings.ts';
import { Checks } from './checks.ts';

let server: Server;
let checks: Checks;
const onChange = vi.fn();
const onResult = vi.fn();

function settings() {
  const { port } = server.address() as AddressInfo;
  const wanted = defaultSettings().checks;
  wanted.service.url = `http://127.0.0.1:${port}/healthz`;
  wanted.kubelet.enabled = false;
  wanted.kubeApi.enabled = false;
  return wanted;
}

beforeEach(async () => {
  onChange.mockReset();
  onResult.mockReset();
  server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  checks = new Checks(
    { kubeApi: { url: undefined, caFile: '/nonexistent', tokenFile: '/nonexistent' }, userAgent: 'test' },
    { lag: { stalledDuring: () => 0 }, monotonicMs: () => performance.now(), onChange, onResult },
  );
});

afterEach(() => {
  checks.stop();
  checks.stop();
  server.close();
  server.closeAllConnections();
});

describe('the checks of a node', () => {
  it('are those that are switched on', async () => {
    checks.update(settings());
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(true), 5000);
    expect(checks.worker('kubelet')).toBeUndefined();
    expect(checks.views()).toEqual({ service: { healthy: true, sinceMs: expect.any(Number), everFailed: false } });
  });

  it('keep what they know when settings change that do not concern them', async () => {
    checks.update(settings());
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(true), 5000);
    const worker = checks.worker('service');
    const wanted = settings();
    wanted.kubelet.enabled = true;
    checks.update(wanted);
    expect(checks.worker('service')).toBe(worker);
    expect(checks.worker('kubelet')).toBeDefined();
    checks.update(settings());
    expect(checks.worker('kubelet')).toBeUndefined();
  });

  it('begin anew when their own settings change', async () => {
    checks.update(settings());
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(true), 5000);
    const wanted = settings();
    wanted.service.url += '?deep=1';
    checks.update(wanted);
    expect(checks.healthy('service')).toBeUndefined();
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(true), 5000);
  });

  it('fail the service at once when its port refuses connections, and name the port', async () => {
    checks.update(settings());
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(true), 5000);
    const { port } = server.address() as AddressInfo;
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(false), { timeout: 1500, interval: 5 });
    expect(checks.refusedPorts().map((state) => state.port)).toEqual([port]);
    expect(checks.views().service.everFailed).toBe(true);
  });

  it('fail the service when a traffic port refuses, though its health page answers', async () => {
    const wanted = settings();
    const port = await freePort();
    wanted.service.tripwire.ports = [port];
    checks.update(wanted);
    await vi.waitFor(() => expect(checks.worker('service')?.state.healthy).toBe(true), 5000);
    await vi.waitFor(() => expect(checks.healthy('service')).toBe(false), 5000);
    expect(checks.refusedPorts().map((state) => state.port)).toEqual([port]);
  });

  it('stay as they are when the service’s CA cannot be read', async () => {
    checks.update(settings());
    const worker = checks.worker('service');
    const wanted = settings();
    wanted.service.caFile = '/nonexistent/ca.crt';
    expect(() => checks.update(wanted)).toThrow(/ENOENT.*\/nonexistent\/ca\.crt/);
    expect(checks.worker('service')).toBe(worker);
  });
});
