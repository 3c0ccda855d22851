import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTlsOnlyFront, type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import { makeCertificate } from '../../test/support/certificates.ts';
import { freePort } from '../../test/support/free-port.ts';
import { command, mustSkip } from '../../test/support/needs.ts';
import { startNginx } from '../testing/nginx.ts';
import { HttpProbe, type HttpProbeOptions } from './http.ts';
import type { ProbeResult } from './types.ts';

const signal = new AbortController().signal;
const cleanUps: (() => Promise<void>)[] = [];

let directory: string;
let ca: string;
let otherCa: string;
let tls: { key: string; cert: string };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'probe-'));
  const { caFile, certFile, keyFile } = await makeCertificate(directory, ['127.0.0.1']);
  ca = readFileSync(caFile, 'utf8');
  tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  const other = mkdtempSync(join(directory, 'other-'));
  otherCa = readFileSync((await makeCertificate(other, ['127.0.0.1'])).caFile, 'utf8');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function serve(server: Server, port = 0): Promise<LoopbackServer> {
  const listening = await listen(server, port);
  cleanUps.push(listening.kill);
  return listening;
}

function http(listener: RequestListener, port = 0): Promise<LoopbackServer> {
  return serve(createHttpServer(listener), port);
}

function https(listener: RequestListener): Promise<LoopbackServer> {
  return serve(createHttpsServer(tls, listener));
}

function tcp(onConnection: (socket: Socket) => void): Promise<LoopbackServer> {
  return serve(createTcpServer(onConnection));
}

function create(url: string, options: Partial<HttpProbeOptions> = {}): HttpProbe {
  return new HttpProbe({ url, timeoutSeconds: 5, expectedStatuses: [200], host: '', ...options });
}

function ask(url: string, options: Partial<HttpProbeOptions> = {}): Promise<ProbeResult> {
  return create(url, options).probe(signal);
}

describe('HttpProbe', () => {
  it('succeeds when the answer has an expected status, and says how long that took', async () => {
    const { port } = await http((_, response) => response.end('ok'));
    const result = await ask(`http://127.0.0.1:${port}/healthz`);
    expect(result).toMatchObject({ outcome: 'success', reason: `GET http://127.0.0.1:${port}/healthz answered 200` });
    expect(result.durationSeconds).toBeGreaterThan(0);
  });

  it('fails when the status is not an expected one, and names both', async () => {
    const { port } = await http((_, response) => response.writeHead(503).end());
    const reason = `GET http://127.0.0.1:${port}/healthz answered 503, expected 200 or 204`;
    expect(await ask(`http://127.0.0.1:${port}/healthz`, { expectedStatuses: [200, 204] })).toMatchObject({
      outcome: 'failure',
      reason,
    });
  });

  it('succeeds with another status where that is expected', async () => {
    const { port } = await http((_, response) => response.writeHead(404).end());
    expect(await ask(`http://127.0.0.1:${port}/`, { expectedStatuses: [404] })).toMatchObject({ outcome: 'success' });
  });

  it.each([
    [200, '3', 3],
    [503, '0', 0],
    [200, '-1', undefined],
    [200, 'many', undefined],
    [200, undefined, undefined],
  ])('tells how many endpoints there are where an answer %i says so: %s', async (status, weight, endpoints) => {
    const headers = weight === undefined ? {} : { 'X-Load-Balancing-Endpoint-Weight': weight };
    const { port } = await http((_, response) => response.writeHead(status, headers).end());
    const result = await ask(`http://127.0.0.1:${port}/`);
    expect([result.outcome, result.endpoints]).toEqual([status === 200 ? 'success' : 'failure', endpoints]);
  });

  it('follows no redirect, and shows where it would have led without query or credentials', async () => {
    const paths: (string | undefined)[] = [];
    const { port } = await http((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: 'http://user:secret@127.0.0.1/elsewhere?token=secret' }).end();
    });
    const { outcome, reason } = await ask(`http://127.0.0.1:${port}/healthz`);
    expect(outcome).toBe('failure');
    expect(reason).toContain('answered 302 (a redirect to http://127.0.0.1/elsewhere, not followed), expected 200');
    expect(paths).toEqual(['/healthz']);
    expect(await ask(`http://127.0.0.1:${port}/healthz`, { expectedStatuses: [302] })).toMatchObject({
      outcome: 'success',
    });
  });

  it('sends the host header and user agent it was given, asks for a new connection, and sends no credentials', async () => {
    let headers: IncomingHttpHeaders = {};
    const { port } = await http((request, response) => {
      headers = request.headers;
      response.end();
    });
    const probe = create(`http://user:secret@127.0.0.1:${port}/`, {
      host: 'shop.example',
      userAgent: 'keepalived-ingress-vip/1.2.3',
      headers: { Authorization: 'Bearer secret', cookie: 'a=secret', 'X-Probe': 'yes' },
    });
    expect(await probe.probe(signal)).toMatchObject({ outcome: 'success' });
    expect(headers).toMatchObject({
      host: 'shop.example',
      'user-agent': 'keepalived-ingress-vip/1.2.3',
      'x-probe': 'yes',
    });
    expect(headers).toMatchObject({ connection: 'close' });
    expect(JSON.stringify([headers, probe.target])).not.toMatch(/secret|authorization|cookie/i);
  });

  it('makes a new connection for every probe', async () => {
    let connections = 0;
    const server = createHttpServer((_, response) => response.end());
    server.on('connection', () => {
      connections += 1;
    });
    const { port } = await serve(server);
    const probe = create(`http://127.0.0.1:${port}/`);
    await probe.probe(signal);
    await probe.probe(signal);
    expect(connections).toBe(2);
  });

  it('never asks a proxy that the environment names', async () => {
    let proxied = 0;
    const proxy = await http((_, response) => {
      proxied += 1;
      response.writeHead(502).end();
    });
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) {
      vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`);
    }
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    vi.stubEnv('NO_PROXY', '');
    const { port } = await http((_, response) => response.end());
    const secure = await https((_, response) => response.end());
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ outcome: 'success' });
    expect(await ask(`https://127.0.0.1:${secure.port}/`)).toMatchObject({ outcome: 'success' });
    expect(proxied).toBe(0);
  });

  it('reads no more than the beginning of a body that has no end', async () => {
    let sent = 0;
    const { port } = await http((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * 1024))) sent += 1;
      };
      response.on('drain', write);
      write();
    });
    expect(await ask(`http://127.0.0.1:${port}/`, { timeoutSeconds: 5 })).toMatchObject({ outcome: 'success' });
    expect(sent).toBeLessThan(1000);
  });

  it('leaves a compressed body alone', async () => {
    const { port } = await http((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
    );
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ outcome: 'success' });
  });

  it('is refused where nothing listens', async () => {
    const port = await freePort();
    expect(await ask(`http://127.0.0.1:${port}/healthz`)).toMatchObject({
      outcome: 'refused',
      code: 'ECONNREFUSED',
      reason: `GET http://127.0.0.1:${port}/healthz: connection refused, nothing listens there`,
    });
    expect(await ask(`http://localhost:${port}/`)).toMatchObject({ outcome: 'refused', code: 'ECONNREFUSED' });
    expect(await ask(`https://127.0.0.1:${port}/`)).toMatchObject({ outcome: 'refused', code: 'ECONNREFUSED' });
  });

  it.each([
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['is closed', (socket: Socket) => socket.end()],
  ])('is refused when the connection %s before an answer', async (_, close) => {
    const { port } = await tcp((socket) => socket.once('data', () => close(socket)));
    const expected = {
      outcome: 'refused',
      code: 'ECONNRESET',
      reason: expect.stringContaining('closed before an answer'),
    };
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject(expected);
    expect(await ask(`https://127.0.0.1:${port}/`)).toMatchObject(expected);
  });

  it('fails, but is not refused, when the connection is reset in the middle of the answer', async () => {
    const { port } = await http((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part', () => response.socket?.resetAndDestroy());
    });
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('in the middle of the answer'),
    });
  });

  it('fails when the answer is not HTTP', async () => {
    const { port } = await tcp((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const { outcome, reason } = await ask(`http://127.0.0.1:${port}/`);
    expect(outcome).toBe('failure');
    expect(reason).toMatch(/: the answer is not HTTP/);
  });

  it('fails when the name does not resolve', async () => {
    expect(await ask('http://no-such-host.invalid/')).toMatchObject({
      outcome: 'failure',
      reason: expect.stringMatching(/no-such-host\.invalid/),
    });
  });

  it('is inconclusive when it is given up', async () => {
    const { port, sockets } = await tcp(() => undefined);
    const controller = new AbortController();
    const result = create(`http://127.0.0.1:${port}/`).probe(controller.signal);
    await vi.waitFor(() => expect(sockets.size).toBe(1));
    controller.abort();
    expect(await result).toMatchObject({ outcome: 'inconclusive' });
    expect(await create(`http://127.0.0.1:${port}/`).probe(controller.signal)).toMatchObject({
      outcome: 'inconclusive',
    });
  });
});

describe('time-out of an HttpProbe', () => {
  async function askSlowly(url: string, options: Partial<HttpProbeOptions> = {}): Promise<ProbeResult> {
    const result = await ask(url, { timeoutSeconds: 0.15, ...options });
    expect(result).toMatchObject({ outcome: 'failure', code: 'ETIMEDOUT' });
    expect(result.durationSeconds).toBeGreaterThanOrEqual(0.145);
    expect(result.durationSeconds).toBeLessThan(2);
    return result;
  }

  it('covers a server that takes the connection and does not answer', async () => {
    const { port } = await tcp(() => undefined);
    const { reason } = await askSlowly(`http://127.0.0.1:${port}/`);
    expect(reason).toBe(`GET http://127.0.0.1:${port}/: connected, but no answer within 0.15 s`);
  });

  it('covers a TLS handshake that does not end', async () => {
    const { port } = await tcp(() => undefined);
    const { reason } = await askSlowly(`https://127.0.0.1:${port}/`);
    expect(reason).toContain('the TLS handshake did not end within 0.15 s');
  });

  it('covers headers and body that trickle in', async () => {
    const trickle = (socket: Socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
      const timer = setInterval(() => socket.write('.'), 10);
      socket.on('close', () => clearInterval(timer));
    };
    const headers = await tcp(trickle);
    expect((await askSlowly(`http://127.0.0.1:${headers.port}/`)).reason).toContain('no answer within');
    const body = await http((_, response) => {
      response.write('.');
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    });
    expect((await askSlowly(`http://127.0.0.1:${body.port}/`)).reason).toContain('began, but did not end within');
  });

  it('leaves no connection behind', async () => {
    const { port, sockets } = await tcp((socket) => socket.resume());
    await askSlowly(`http://127.0.0.1:${port}/`);
    await vi.waitFor(() => expect(sockets.size).toBe(0));
  });

  it('is not believed when the answer is there and only this process was late', async () => {
    const { port } = await http((_, response) => {
      response.end('ok');
      // The event loop stands still from before the answer is read until long after the time-out.
      response.on('finish', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400));
    });
    expect(await ask(`http://127.0.0.1:${port}/`, { timeoutSeconds: 0.3 })).toMatchObject({ outcome: 'success' });
  });
});

describe('HttpProbe over TLS', () => {
  it('does not verify the certificate when it has no CA, as the kubelet', async () => {
    const { port } = await https((_, response) => response.end());
    expect(await ask(`https://127.0.0.1:${port}/`)).toMatchObject({ outcome: 'success' });
  });

  it('verifies the certificate when it has a CA', async () => {
    const { port } = await https((_, response) => response.end());
    expect(await ask(`https://127.0.0.1:${port}/`, { ca })).toMatchObject({ outcome: 'success' });
    expect(await ask(`https://127.0.0.1:${port}/`, { ca: otherCa })).toMatchObject({
      outcome: 'failure',
      reason: expect.stringMatching(/certificate|self.signed/i),
    });
  });

  it('asks for and verifies the host header as the name of the server', async () => {
    let servername: unknown;
    const { port } = await https((request, response) => {
      servername = (request.socket as TLSSocket & { servername?: unknown }).servername;
      response.end();
    });
    const url = `https://127.0.0.1:${port}/`;
    expect(await ask(url, { ca, host: 'kubernetes.default.svc' })).toMatchObject({ outcome: 'success' });
    expect(servername).toBe('kubernetes.default.svc');
    expect(await ask(url, { ca, host: 'other.example' })).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('other.example'),
    });
  });
});

describe('HttpProbe at a port that speaks something else', () => {
  it('says so in a sentence when it is asked for TLS and speaks plain HTTP', async () => {
    const { port } = await http((_, response) => response.end());
    const { outcome, reason } = await ask(`https://127.0.0.1:${port}/`);
    expect(outcome).toBe('failure');
    expect(reason).toBe(
      `GET https://127.0.0.1:${port}/: the port does not speak TLS; write http:// in the URL, or name the port that does`,
    );
  });

  it.each([
    ['a greeting', (socket: Socket) => socket.write('220 mail.example ESMTP\r\n')],
    ['an alert', (socket: Socket) => socket.once('data', () => socket.end(Buffer.from('15030100020228', 'hex')))],
    ['one byte', (socket: Socket) => socket.once('data', () => socket.end(Buffer.from([0])))],
    ['bytes', (socket: Socket) => socket.write(Buffer.alloc(64, 0xff))],
  ])('never shows the text of a library: %s', async (_, onConnection) => {
    const { port } = await tcp(onConnection);
    for (const scheme of ['http', 'https']) {
      const { outcome, reason } = await ask(`${scheme}://127.0.0.1:${port}/`);
      expect(outcome).not.toBe('success');
      expect(reason).not.toMatch(/\n|routines|\.c:|deps|Parse Error|HPE_/);
    }
  });

  it('names the reason of a handshake that fails', async () => {
    const { port } = await tcp((socket) => socket.once('data', () => socket.end(Buffer.from('15030100020228', 'hex'))));
    const { reason } = await ask(`https://127.0.0.1:${port}/`);
    expect(reason).toMatch(/: the TLS handshake failed: [a-z0-9/ ]*alert handshake failure$/);
  });
});

describe('HttpProbe with an http: URL to a port that speaks TLS', () => {
  const GO = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

  async function serveTlsOnly(
    plain: string,
    status = 200,
  ): Promise<{ port: number; plainRequests: () => number; inner: LoopbackServer }> {
    let plainRequests = 0;
    const inner = await https((_, response) => response.writeHead(status).end());
    const front = createTlsOnlyFront(() => inner.port, plain);
    front.on('connection', (socket) => {
      socket.once('data', (first) => {
        plainRequests += first[0] === 0x16 ? 0 : 1;
      });
    });
    const { port } = await serve(front);
    return { port, plainRequests: () => plainRequests, inner };
  }

  it('asks again over TLS when a Go server says so, and tells the operator', async () => {
    const { port } = await serveTlsOnly(GO);
    const { outcome, reason } = await ask(`http://127.0.0.1:${port}/healthz`);
    expect(outcome).toBe('success');
    expect(reason).toContain(`GET https://127.0.0.1:${port}/healthz answered 200`);
    expect(reason).toContain('write https:// in the URL');
  });

  it('judges the answer that it gets over TLS', async () => {
    const { port } = await serveTlsOnly(GO, 500);
    expect(await ask(`http://127.0.0.1:${port}/healthz`)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('answered 500, expected 200'),
    });
  });

  it('remembers, and asks over TLS at once from then on', async () => {
    const { port, plainRequests } = await serveTlsOnly(GO);
    const probe = create(`http://127.0.0.1:${port}/healthz`);
    for (let count = 0; count < 3; count += 1) expect(await probe.probe(signal)).toMatchObject({ outcome: 'success' });
    expect(plainRequests()).toBe(1);
  });

  it('goes back to plain HTTP when the port no longer speaks TLS', async () => {
    const { port, inner } = await serveTlsOnly(GO);
    const probe = create(`http://127.0.0.1:${port}/healthz`);
    await probe.probe(signal);
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    await inner.kill();
    await http((_, response) => response.end(), port);
    expect(await probe.probe(signal)).toMatchObject({
      outcome: 'success',
      reason: `GET http://127.0.0.1:${port}/healthz answered 200`,
    });
  });

  it('is refused as any other when the server is gone', async () => {
    const { port } = await serveTlsOnly(GO);
    const probe = create(`http://127.0.0.1:${port}/healthz`);
    await probe.probe(signal);
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
    expect(await probe.probe(signal)).toMatchObject({ outcome: 'refused', code: 'ECONNREFUSED' });
  });

  it('keeps to one time-out for both requests', async () => {
    const silent = await tcp(() => undefined);
    const { port } = await serve(createTlsOnlyFront(() => silent.port, GO, 300));
    const result = await ask(`http://127.0.0.1:${port}/healthz`, { timeoutSeconds: 0.4 });
    expect(result).toMatchObject({
      outcome: 'failure',
      code: 'ETIMEDOUT',
      reason: expect.stringContaining('GET https:'),
    });
    expect(result.durationSeconds).toBeLessThan(0.6);
  });

  it.each([
    ['400 with another text', 'HTTP/1.0 400 Bad Request\r\n\r\nno'],
    ['the text with another status', GO.replace('400 Bad Request', '503 Service Unavailable')],
  ])('stays with plain HTTP after %s', async (_, plain) => {
    const { port } = await serveTlsOnly(plain);
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringMatching(/^GET http:.*, expected 200$/),
    });
  });

  it('takes the 400 where that is expected', async () => {
    const { port } = await serveTlsOnly(GO);
    const result = await ask(`http://127.0.0.1:${port}/`, { expectedStatuses: [400] });
    expect(result).toMatchObject({ outcome: 'success', reason: `GET http://127.0.0.1:${port}/ answered 400` });
  });
});

const noNginx = mustSkip('an http: URL to an nginx that speaks TLS', [command('nginx')]);

describe.skipIf(noNginx)('HttpProbe and nginx', () => {
  it('asks again over TLS when nginx says that the port speaks TLS', async () => {
    const certificate = `ssl_certificate ${directory}/server.crt; ssl_certificate_key ${directory}/server.key;`;
    const nginx = await startNginx({ port: await freePort(), listen: 'ssl', server: certificate });
    cleanUps.push(nginx.remove);
    expect(await ask(`http://127.0.0.1:${nginx.port}/`)).toMatchObject({
      outcome: 'success',
      reason: expect.stringContaining(`GET https://127.0.0.1:${nginx.port}/ answered 200`),
    });
  });
});
