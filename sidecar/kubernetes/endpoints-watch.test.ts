import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeCertificate, type ServerCertificate } from '../../test/support/certificates.ts';
import {
  type Asked,
  eventLine,
  openWatch,
  QUICK_LIMITS,
  sendList,
  serveListAndWatch,
} from '../testing/list-and-watch.ts';
import { watchEndpoints } from './endpoints-watch.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
const directory = mkdtempSync(join(tmpdir(), 'endpoints-watch-'));
const tokenFile = join(directory, 'token');

let certificate: ServerCertificate;
let server: Awaited<ReturnType<typeof serveListAndWatch>>;
let watch: ReturnType<typeof watchEndpoints> | undefined;
let lists: Asked[];
let watches: Asked[];
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
  onWatch = openWatch;
  server = await serveListAndWatch(certificate, {
    list: (asked) => {
      lists.push(asked);
      onList(asked.response);
    },
    watch: (asked) => {
      watches.push(asked);
      onWatch(asked.response);
    },
  });
});

afterEach(async () => {
  watch?.stop();
  watch = undefined;
  await server.kill();
});

function start(): void {
  const access = { url: server.url, caFile: certificate.caFile, tokenFile, userAgent: 'test' };
  watch = watchEndpoints({ ...access, limits: QUICK_LIMITS }, { onEndpoints, onProblem, random: () => 0.5 });
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
    expect(lists[0]?.url.pathname).toBe('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
    expect(lists[0]?.url.searchParams.get('labelSelector')).toBe('kubernetes.io/service-name=kubernetes');
    expect(watches[0]?.url.searchParams.get('resourceVersion')).toBe('10');
    response.write(eventLine('MODIFIED', slice('kubernetes', 11, '192.0.2.1')));
    response.write(eventLine('ADDED', slice('kubernetes-ipv6', 12, 'fd00::1')));
    response.write(eventLine('DELETED', slice('kubernetes', 13, '192.0.2.1')));
    await told(['192.0.2.1', '192.0.2.2'], ['192.0.2.1'], ['192.0.2.1', 'fd00::1'], ['fd00::1']);
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('goes on from the version of the last bookmark when a watch ends, without another list', async () => {
    start();
    const response = await opened(1);
    response.end(eventLine('BOOKMARK', { metadata: { resourceVersion: '40' } }));
    await opened(2);
    expect(watches[1]?.url.searchParams.get('resourceVersion')).toBe('40');
    expect(lists).toHaveLength(1);
  });

  it('lists again when its version is too old', async () => {
    start();
    const response = await opened(1);
    // Under another name: a list has all that there is.
    onList = sendList(50, slice('kubernetes-again', 45, '192.0.2.3'));
    response.end(eventLine('ERROR', { code: 410, message: 'too old resource version' }));
    await told(['192.0.2.1', '192.0.2.2'], ['192.0.2.3']);
  });

  it('lists again when it begins anew: what was deleted meanwhile no watch tells', async () => {
    start();
    await opened(1);
    watch?.stop();
    watch?.start();
    await opened(2);
    expect(lists).toHaveLength(2);
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
