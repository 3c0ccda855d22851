import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import { makeCertificate, type ServerCertificate } from '../../test/support/certificates.ts';
import { watchEndpoints } from './endpoints-watch.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
const directory = mkdtempSync(join(tmpdir(), 'endpoints-watch-'));
const tokenFile = join(directory, 'token');
const quick = { open: 5, watch: 30, grace: 5, retry: 0.01, longestRetry: 0.05, refusedRetry: 0.05 };

let certificate: ServerCertificate;
let server: LoopbackServer;
let watch: ReturnType<typeof watchEndpoints> | undefined;
let lists: URL[];
let watches: { readonly url: URL; readonly response: ServerResponse }[];
let onList: (response: ServerResponse) => void;
let onWatch: (response: ServerResponse) => void;
const onEndpoints = vi.fn();
const onProblem = vi.fn();

function slice(name: string, version: number, ...addresses: string[]) {
  return {
    metadata: { name, resourceVersion: String(version) },
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', port: 6443 }],
  };
}

function sendList(version: number, ...items: object[]): (response: ServerResponse) => void {
  return (response) => response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
}

function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

beforeAll(async () => {
  certificate = await makeCertificate(directory, ['127.0.0.1']);
  writeFileSync(tokenFile, 'secret-token\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  lists = [];
  watches = [];
  onEndpoints.mockReset();
  onProblem.mockReset();
  onList = sendList(10, slice('kubernetes', 7, '192.0.2.2', '192.0.2.1'));
  onWatch = (response) => response.writeHead(200).flushHeaders();
  const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certFile) };
  const https = createServer(tls, (request, response) => {
    const url = new URL(request.url ?? '', 'https://api');
    if (url.searchParams.has('watch')) {
      watches.push({ url, response });
      onWatch(response);
    } else {
      lists.push(url);
      onList(response);
    }
  });
  server = await listen(https);
});

afterEach(async () => {
  watch?.stop();
  watch = undefined;
  await server.kill();
});

function start(): void {
  const url = `https://127.0.0.1:${server.port}`;
  const access = { url, caFile: certificate.caFile, tokenFile, userAgent: 'test' };
  watch = watchEndpoints({ ...access, limits: quick }, { onEndpoints, onProblem, random: () => 0.5 });
  watch.start();
}

async function opened(count: number): Promise<ServerResponse> {
  await vi.waitFor(() => expect(watches.length).toBeGreaterThanOrEqual(count), LIMIT);
  return watches[count - 1]?.response as ServerResponse;
}

async function told(...addresses: string[][]): Promise<void> {
  const seen = () => onEndpoints.mock.calls.map(([all]) => all.map(({ address }: { address: string }) => address));
  await vi.waitFor(() => expect(seen()).toEqual(addresses), LIMIT);
}

describe('the watch of the API servers’ addresses', () => {
  it('begins with the slices of the Service kubernetes, and goes on from there', async () => {
    start();
    const response = await opened(1);
    await told(['192.0.2.1', '192.0.2.2']);
    expect(lists[0]?.pathname).toBe('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
    expect(lists[0]?.searchParams.get('labelSelector')).toBe('kubernetes.io/service-name=kubernetes');
    expect(watches[0]?.url.searchParams.get('resourceVersion')).toBe('10');
    response.write(line('MODIFIED', slice('kubernetes', 11, '192.0.2.1')));
    response.write(line('ADDED', slice('kubernetes-ipv6', 12, 'fd00::1')));
    response.write(line('DELETED', slice('kubernetes', 13, '192.0.2.1')));
    await told(['192.0.2.1', '192.0.2.2'], ['192.0.2.1'], ['192.0.2.1', 'fd00::1'], ['fd00::1']);
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('goes on from the version of the last bookmark when a watch ends, without another list', async () => {
    start();
    const response = await opened(1);
    response.end(line('BOOKMARK', { metadata: { resourceVersion: '40' } }));
    await opened(2);
    expect(watches[1]?.url.searchParams.get('resourceVersion')).toBe('40');
    expect(lists).toHaveLength(1);
  });

  it('lists again when its version is too old', async () => {
    start();
    const response = await opened(1);
    onList = sendList(50, slice('kubernetes', 45, '192.0.2.3'));
    response.end(line('ERROR', { code: 410, message: 'too old resource version' }));
    await told(['192.0.2.1', '192.0.2.2'], ['192.0.2.3']);
  });

  it('tells nothing while it may not watch, and says so once', async () => {
    onList = (response) => response.writeHead(403).end();
    start();
    await vi.waitFor(() => expect(lists.length).toBeGreaterThan(2), LIMIT);
    expect(onEndpoints).not.toHaveBeenCalled();
    expect(onProblem.mock.calls).toEqual([
      ['the API server answered 403: the service account may not watch endpointslices'],
    ]);
  });
});
