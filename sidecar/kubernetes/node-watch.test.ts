import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import { makeCertificate, type ServerCertificate } from '../../test/support/certificates.ts';
import { NodeWatch } from './node-watch.ts';

const LIMIT = { timeout: 10_000, interval: 5 };
const directory = mkdtempSync(join(tmpdir(), 'node-watch-'));
const tokenFile = join(directory, 'token');
const quick = { open: 5, watch: 30, grace: 5, retry: 0.01, longestRetry: 0.05, refusedRetry: 0.05 };

let certificate: ServerCertificate;
let server: LoopbackServer | undefined;
let watch: NodeWatch | undefined;
/** Open watches, the newest last. */
let watches: { readonly url: URL; readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
const onCordon = vi.fn();
const onProblem = vi.fn();

beforeAll(async () => {
  certificate = await makeCertificate(directory, ['127.0.0.1']);
  writeFileSync(tokenFile, 'secret-token\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

afterEach(async () => {
  watch?.stop();
  watch?.stop();
  await server?.kill();
  watches = [];
  onCordon.mockReset();
  onProblem.mockReset();
});

/** Lets an API server listen that leaves every watch open, unless `answer` does something else. */
async function serve(answer: RequestListener = (_, response) => response.writeHead(200).flushHeaders(), port = 0) {
  const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certFile) };
  const https = createServer(tls, (request, response) => {
    watches.push({ url: new URL(request.url ?? '', 'https://api'), request, response });
    answer(request, response);
  });
  server = await listen(https, port);
  return server.port;
}

function start(port: number, limits: Partial<typeof quick> = {}): void {
  const options = { caFile: certificate.caFile, tokenFile, userAgent: 'test', node: 'node1' };
  watch = new NodeWatch(
    { ...options, url: `https://127.0.0.1:${port}`, limits: { ...quick, ...limits } },
    { onCordon, onProblem, random: () => 0.5 },
  );
  watch.start();
}

function event(type: string, unschedulable: boolean): string {
  return `${JSON.stringify({ type, object: { metadata: { name: 'node1' }, spec: { unschedulable } } })}\n`;
}

async function opened(count: number): Promise<ServerResponse> {
  await vi.waitFor(() => expect(watches.length).toBeGreaterThanOrEqual(count), LIMIT);
  return watches[count - 1]?.response as ServerResponse;
}

async function observed(...cordons: (string | null)[]): Promise<void> {
  await vi.waitFor(() => expect(onCordon.mock.calls.map(([cordon]) => cordon)).toEqual(cordons), LIMIT);
}

describe('the watch of a node', () => {
  it('asks for this one node, with the pod’s token and a time after which the server ends it', async () => {
    start(await serve());
    await opened(1);
    const { url, request } = watches[0] ?? {};
    expect(url?.pathname).toBe('/api/v1/nodes');
    expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({
      watch: 'true',
      fieldSelector: 'metadata.name=node1',
      timeoutSeconds: '30',
    });
    expect(request?.headers).toMatchObject({ authorization: 'Bearer secret-token', 'user-agent': 'test' });
  });

  it('has the kernel ask every ten seconds whether the other end is still there', async () => {
    const setKeepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    start(await serve());
    (await opened(1)).write(event('ADDED', false));
    await observed(null);
    expect(setKeepAlive).toHaveBeenLastCalledWith(true, 10_000);
    setKeepAlive.mockRestore();
  });

  it('tells what is, and each change, as soon as the server says so', async () => {
    start(await serve());
    const response = await opened(1);
    response.write(event('ADDED', false));
    await observed(null);
    response.write(event('MODIFIED', true));
    await observed(null, 'cordoned');
    response.write(event('MODIFIED', false));
    await observed(null, 'cordoned', null);
    expect(onProblem.mock.calls).toEqual([[null]]);
    expect(watches).toHaveLength(1);
  });

  it('is opened again when the server ends it in order, which is no problem', async () => {
    start(await serve());
    (await opened(1)).end(event('ADDED', false));
    (await opened(2)).write(event('ADDED', true));
    await observed(null, 'cordoned');
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('is opened again when what it followed is gone', async () => {
    start(await serve());
    (await opened(1)).end('{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n');
    (await opened(2)).write(event('ADDED', true));
    await observed('cordoned');
    expect(onProblem.mock.calls).toEqual([[null]]);
  });

  it('reports another error of the server in its words', async () => {
    start(await serve());
    (await opened(1)).end('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is slow"}}\n');
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledWith('etcd is slow'), LIMIT);
  });

  it.each([
    [
      'breaks in the middle of an event',
      (response: ServerResponse) => {
        response.write(event('MODIFIED', true).slice(0, 20));
        response.flushHeaders();
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ['says something else', (response: ServerResponse) => void response.write('<html>\n')],
    ['ends without a word of the node', (response: ServerResponse) => void response.end()],
  ])('tells nothing when it %s, reports that once, and goes on', async (_, breakIt) => {
    start(await serve());
    breakIt(await opened(1));
    breakIt(await opened(2));
    await opened(3);
    expect(onCordon).not.toHaveBeenCalled();
    expect(onProblem).toHaveBeenCalledOnce();
    expect(onProblem.mock.calls[0]?.[0]).toEqual(expect.any(String));
    (await opened(3)).write(event('ADDED', true));
    await observed('cordoned');
    expect(onProblem).toHaveBeenCalledTimes(2);
    expect(onProblem).toHaveBeenLastCalledWith(null);
  });

  it('tells nothing while the API is away, and what is when it is back', async () => {
    const port = await serve();
    start(port);
    (await opened(1)).write(event('ADDED', true));
    await observed('cordoned');
    await server?.kill();
    await vi.waitFor(() => expect(onProblem).toHaveBeenLastCalledWith(expect.any(String)), LIMIT);
    expect(onCordon).toHaveBeenCalledOnce();
    await serve(undefined, port);
    (await opened(2)).write(event('ADDED', false));
    await observed('cordoned', null);
    expect(onProblem).toHaveBeenLastCalledWith(null);
  });

  it('is asked for again where it is refused, without a word of the token, and works once it is allowed', async () => {
    let status = 403;
    start(
      await serve((_, response) =>
        status === 200 ? response.writeHead(200).flushHeaders() : response.writeHead(status).end('{}'),
      ),
    );
    await opened(3);
    expect(onProblem.mock.calls).toEqual([['the API server answered 403: the service account may not watch nodes']]);
    status = 200;
    (await opened(watches.length + 1)).write(event('ADDED', true));
    await observed('cordoned');
    expect(onProblem).toHaveBeenLastCalledWith(null);
  });

  it('waits longer where it is refused than where it is broken', async () => {
    start(await serve((_, response) => response.writeHead(403).end()), { refusedRetry: 3600 });
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledOnce(), LIMIT);
    watch?.stop();
    await server?.kill();
    watches = [];
    start(await serve((_, response) => response.writeHead(503).end()), { refusedRetry: 3600 });
    await opened(3);
    expect(onProblem).toHaveBeenLastCalledWith('the API server answered 503');
  });

  it('is given up when the server does not begin to answer', async () => {
    start(await serve(() => undefined), { open: 0.1 });
    await opened(2);
    expect(onProblem.mock.calls).toEqual([['no answer within 0.1 s']]);
  });

  it('is given up when it says nothing any more and does not end either', async () => {
    start(await serve(), { watch: 1, grace: 0.1 });
    (await opened(1)).write(event('ADDED', true));
    await opened(2);
    expect(onProblem.mock.calls).toEqual([[null], ['the watch did not end after 1 s, as it was asked to']]);
    expect(onCordon).toHaveBeenCalledOnce();
  });

  it('asks a server with the cluster’s certificate only', async () => {
    const other = await makeCertificate(mkdtempSync(join(directory, 'other-')), ['127.0.0.1']);
    const port = await serve();
    const { caFile } = certificate;
    certificate = { ...certificate, caFile: other.caFile };
    start(port);
    certificate = { ...certificate, caFile };
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledOnce(), LIMIT);
    expect(watches).toEqual([]);
  });

  it('says which file is missing', async () => {
    const port = await serve();
    watch = new NodeWatch(
      {
        url: `https://127.0.0.1:${port}`,
        caFile: certificate.caFile,
        tokenFile: '/none',
        userAgent: 'test',
        node: 'node1',
      },
      { onCordon, onProblem },
    );
    watch.start();
    await vi.waitFor(
      () =>
        expect(onProblem).toHaveBeenCalledWith(
          'the watch broke: the service account token cannot be read from /none (ENOENT)',
        ),
      LIMIT,
    );
  });

  it('tells nothing after it was stopped, closes its connection, and can be started again', async () => {
    start(await serve());
    const response = await opened(1);
    response.write(event('ADDED', false));
    await observed(null);
    watch?.stop();
    response.write(event('MODIFIED', true));
    await vi.waitFor(() => expect(server?.sockets.size).toBe(0), LIMIT);
    expect(onCordon).toHaveBeenCalledOnce();
    watch?.start();
    watch?.start();
    (await opened(2)).write(event('ADDED', true));
    await observed(null, 'cordoned');
    expect(watches).toHaveLength(2);
  });
});
