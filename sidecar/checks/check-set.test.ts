import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeCertificate } from '../../test/support/certificates.ts';
import { freePort } from '../../test/support/free-port.ts';
import { defaultSettings } from '../testing/settings.ts';
import { CheckSet } from './check-set.ts';
import type { CheckSpec } from './check-spec.ts';
import { readNodeChecks } from './node-checks.ts';

let server: Server;
let checks: CheckSet;
const onChange = vi.fn();
const onResult = vi.fn();

function settings() {
  const { port } = server.address() as AddressInfo;
  const desired = defaultSettings().checks;
  desired.service.url = `http://127.0.0.1:${port}/healthz`;
  desired.kubelet.enabled = false;
  desired.kubeApi.enabled = false;
  return desired;
}

/** Makes the running checks those of the settings. */
function update(desired: ReturnType<typeof settings>, more: ReadonlyMap<string, CheckSpec> = new Map()): void {
  checks.update(new Map([...readNodeChecks(desired), ...more]));
}

function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

/** The check of a service, at a path of the test's server. */
function serviceAt(path: string): CheckSpec {
  const { service } = settings();
  return { kind: 'service', settings: { ...service, url: new URL(path, service.url).href }, ca: undefined };
}

beforeEach(async () => {
  onChange.mockReset();
  onResult.mockReset();
  server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  checks = new CheckSet(
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
    update(settings());
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(true), 5000);
    expect(checks.worker('kubelet')).toBeUndefined();
    expect(checks.view('kubelet')).toBeUndefined();
    expect(checks.view('service')).toEqual({ healthy: true, sinceMs: expect.any(Number), everFailed: false });
  });

  it('keep what they know when settings change that do not concern them', async () => {
    update(settings());
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(true), 5000);
    const worker = checks.worker('service');
    const desired = settings();
    desired.kubelet.enabled = true;
    update(desired);
    expect(checks.worker('service')).toBe(worker);
    expect(checks.worker('kubelet')).toBeDefined();
    update(settings());
    expect(checks.worker('kubelet')).toBeUndefined();
  });

  it('begin anew when their own settings change', async () => {
    update(settings());
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(true), 5000);
    const desired = settings();
    desired.service.url += '?deep=1';
    update(desired);
    expect(checks.view('service')?.healthy).toBeUndefined();
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(true), 5000);
  });

  it('fail the service at once when its port refuses connections, and name the port', async () => {
    update(settings());
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(true), 5000);
    const { port } = server.address() as AddressInfo;
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(false), { timeout: 1500, interval: 5 });
    expect(checks.refusedPorts('service').map((state) => state.port)).toEqual([port]);
    expect(checks.view('service')?.everFailed).toBe(true);
  });

  it('fail the service when a traffic port refuses, though its health page answers', async () => {
    const desired = settings();
    const port = await freePort();
    desired.service.tripwire.ports = [port];
    update(desired);
    await vi.waitFor(() => expect(checks.worker('service')?.state.healthy).toBe(true), 5000);
    await vi.waitFor(() => expect(checks.view('service')?.healthy).toBe(false), 5000);
    expect(checks.refusedPorts('service').map((state) => state.port)).toEqual([port]);
  });

  it('stay as they are when the service’s CA cannot be read', async () => {
    update(settings());
    const worker = checks.worker('service');
    const desired = settings();
    desired.service.caFile = '/nonexistent/ca.crt';
    expect(() => update(desired)).toThrow(/ENOENT.*\/nonexistent\/ca\.crt/);
    expect(checks.worker('service')).toBe(worker);
  });

  it('take a service’s CA that was replaced when settings are taken again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'checks-'));
    const desired = settings();
    desired.service.caFile = join(directory, 'ca.crt');
    writeFileSync(desired.service.caFile, 'one');
    update(desired);
    const worker = checks.worker('service');
    update(desired);
    expect(checks.worker('service')).toBe(worker);
    writeFileSync(desired.service.caFile, 'two');
    update(desired);
    expect(checks.worker('service')).not.toBe(worker);
    rmSync(directory, { recursive: true });
  });
});

describe('a set of checks', () => {
  it('tells whose change and result it is by the key', async () => {
    checks.update(
      new Map([
        ['x', serviceAt('/x')],
        ['y', serviceAt('/y')],
      ]),
    );
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(true), 5000);
    await vi.waitFor(() => expect(checks.view('y')?.healthy).toBe(true), 5000);
    expect(onChange.mock.calls.map(([key]) => key).toSorted()).toEqual(['x', 'y']);
    for (const key of ['x', 'y']) {
      const reason = `GET ${new URL(key, settings().service.url).href} answered 200`;
      expect(onResult).toHaveBeenCalledWith(key, expect.objectContaining({ reason }), checks.worker(key)?.state);
    }
  });

  it('keeps what a check knows while it is wanted, whatever comes and goes beside it', async () => {
    checks.update(new Map([['x', serviceAt('/x')]]));
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(true), 5000);
    const worker = checks.worker('x');
    checks.update(
      new Map([
        ['y', serviceAt('/y')],
        ['x', serviceAt('/x')],
      ]),
    );
    expect(checks.worker('x')).toBe(worker);
    expect(checks.view('x')?.healthy).toBe(true);
    checks.update(new Map([['y', serviceAt('/y')]]));
    expect(checks.view('x')).toBeUndefined();
    expect(checks.worker('x')).toBeUndefined();
    expect(checks.refusedPorts('x')).toEqual([]);
    checks.update(new Map());
    expect(checks.view('y')).toBeUndefined();
  });

  it('changes nothing when one of its checks cannot be made', async () => {
    checks.update(new Map([['x', serviceAt('/x')]]));
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(true), 5000);
    const worker = checks.worker('x');
    const { service } = settings();
    const wrong: CheckSpec = { kind: 'service', settings: { ...service, url: 'gopher://127.0.0.1/' }, ca: undefined };
    expect(() =>
      checks.update(
        new Map([
          ['x', serviceAt('/other')],
          ['y', wrong],
        ]),
      ),
    ).toThrow(/no probe for gopher:/);
    expect(checks.worker('x')).toBe(worker);
    expect(checks.worker('y')).toBeUndefined();
    // And it is still at work.
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(false), { timeout: 1500, interval: 5 });
  });

  it('asks nothing any more of what is not wanted any more', async () => {
    checks.update(new Map([['x', serviceAt('/x')]]));
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(true), 5000);
    checks.update(new Map());
    onChange.mockReset();
    onResult.mockReset();
    // Its held connection ends as well: nothing watches the port.
    await vi.waitFor(async () => expect(await connections()).toBe(0), 5000);
    expect(onResult).not.toHaveBeenCalled();
  });

  it('has a kubelet fail only when it was refused as often as its threshold says', async () => {
    const port = await freePort();
    const { kubelet } = settings();
    const url = `http://127.0.0.1:${port}/healthz`;
    checks.update(new Map([['k', { kind: 'kubelet', settings: { ...kubelet, url, intervalSeconds: 0.1 } }]]));
    await vi.waitFor(() => expect(checks.view('k')?.healthy).toBe(false), { timeout: 5000, interval: 5 });
    expect(onResult).toHaveBeenCalledTimes(kubelet.failureThreshold);
    expect(checks.refusedPorts('k')).toEqual([]);
  });

  it('fails a service that is refused twice in one probe, whatever its threshold, also without a held connection', async () => {
    const { service } = settings();
    const url = `http://127.0.0.1:${await freePort()}/`;
    const tripwire = { enabled: false, ports: [] };
    const desired = { ...service, url, tripwire, failureThreshold: 10, intervalSeconds: 60 };
    checks.update(new Map([['x', { kind: 'service', settings: desired, ca: undefined }]]));
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(false), { timeout: 5000, interval: 5 });
    expect(onResult).toHaveBeenCalledOnce();
  });

  it('verifies the certificate of a service with its CA, and none without', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'checks-'));
    const { caFile, certFile, keyFile } = await makeCertificate(directory, ['127.0.0.1']);
    const other = mkdtempSync(join(tmpdir(), 'checks-'));
    const strangers = readFileSync((await makeCertificate(other, ['127.0.0.1'])).caFile, 'utf8');
    const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    const secure = createHttpsServer(tls, (_request, response) => response.end('ok'));
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const { port } = secure.address() as AddressInfo;
    const service = { ...settings().service, url: `https://127.0.0.1:${port}/`, failureThreshold: 1 };
    const secured = (ca: string | undefined): CheckSpec => ({ kind: 'service', settings: service, ca });
    checks.update(
      new Map([
        ['own', secured(readFileSync(caFile, 'utf8'))],
        ['none', secured(undefined)],
        ['other', secured(strangers)],
      ]),
    );
    const verdicts = () => ['own', 'none', 'other'].map((key) => checks.view(key)?.healthy);
    await vi.waitFor(() => expect(verdicts()).toEqual([true, true, false]), 5000);
    secure.close();
    secure.closeAllConnections();
    for (const path of [directory, other]) rmSync(path, { recursive: true });
  });

  it('fails a check at once when its port refuses connections', async () => {
    checks.update(new Map([['x', serviceAt('/x')]]));
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(true), 5000);
    server.close();
    server.closeAllConnections();
    await vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(false), { timeout: 1500, interval: 5 });
  });
});

describe('the check of local endpoints', () => {
  const timing = { intervalSeconds: 0.1, timeoutSeconds: 0.3, failureThreshold: 1, successThreshold: 1 };
  const at = (url: string): ReadonlyMap<string, CheckSpec> => new Map([['x', { kind: 'localEndpoints', url, timing }]]);
  const ownUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
  const waitForHealthy = (healthy: boolean) =>
    vi.waitFor(() => expect(checks.view('x')?.healthy).toBe(healthy), { timeout: 15_000, interval: 5 });
  /** What kube-proxy says; undefined: nothing. */
  let answer: number | undefined;

  beforeEach(() => {
    server.removeAllListeners('request');
    server.on('request', (_request, response) => {
      if (answer !== undefined) response.writeHead(answer).end();
    });
  });

  it('follows each answer at once, and holds no connection', async () => {
    answer = 503;
    checks.update(at(ownUrl()));
    await waitForHealthy(false);
    answer = 200;
    await waitForHealthy(true);
    answer = 503;
    await waitForHealthy(false);
    expect(onChange).toHaveBeenCalledTimes(3);
    expect(checks.refusedPorts('x')).toEqual([]);
  });

  it('takes a port that nobody listens on for no endpoint', async () => {
    checks.update(at(`http://127.0.0.1:${await freePort()}/healthz`));
    await waitForHealthy(false);
  });

  it('has no endpoint when one time-out later nothing is known, also while this process excuses every time-out', async () => {
    checks = new CheckSet(
      { kubeApi: { url: undefined, caFile: '/nonexistent', tokenFile: '/nonexistent' }, userAgent: 'test' },
      { lag: { stalledDuring: () => 60_000 }, monotonicMs: () => performance.now(), onChange, onResult },
    );
    answer = undefined;
    const beganMs = performance.now();
    checks.update(at(ownUrl()));
    expect(checks.view('x')?.healthy).toBeUndefined();
    await waitForHealthy(false);
    expect(performance.now() - beganMs).toBeGreaterThan(timing.timeoutSeconds * 1000 - 5);
    // Nothing was counted: the time-outs that it made are excused.
    expect(checks.worker('x')?.state.healthy).toBeUndefined();
    expect(onChange).toHaveBeenCalledOnce();
    answer = 200;
    await waitForHealthy(true);
  });

  it('is begun once, whatever comes beside it: what it waits for would be waited for twice', async () => {
    answer = 200;
    const [own] = [...at(ownUrl())];
    if (own === undefined) throw new Error('there is one');
    checks.update(new Map([own]));
    checks.update(new Map([own, ['y', own[1]]]));
    const asked = () => onResult.mock.calls.filter(([key]) => key === 'x').length;
    const timesInTimeout = timing.timeoutSeconds / timing.intervalSeconds;
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(timesInTimeout + 2), { timeout: 15_000, interval: 5 });
    expect(onChange.mock.calls.filter(([key]) => key === 'x')).toHaveLength(1);
    expect(checks.view('x')?.healthy).toBe(true);
  });

  it('is not said to fail after its end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    checks.update(at(ownUrl()));
    checks.update(new Map());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(onChange).not.toHaveBeenCalled();
  });
});

describe('the check of the Kubernetes API', () => {
  const { kubeApi, ...others } = defaultSettings().checks;
  const isMade = (url: string, apiIsKnown: boolean) =>
    readNodeChecks({ ...others, kubeApi: { ...kubeApi, enabled: true, url } }, apiIsKnown).has('kubeApi');

  it('is not made where nobody says where the API server is: it would fail for ever', () => {
    expect(isMade('', false)).toBe(false);
    expect(isMade('', true)).toBe(true);
    expect(isMade('https://192.0.2.3:6443/readyz', false)).toBe(true);
  });
});
