import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listen } from '../../common/testing/loopback.ts';
import { makeCertificate } from '../../test/support/certificates.ts';
import { freePort } from '../../test/support/free-port.ts';
import { KubernetesApiProbe } from './kubernetes-api.ts';
import type { ProbeResult } from './types.ts';

const signal = new AbortController().signal;
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.secret.signature';
const cleanUps: (() => Promise<void>)[] = [];

let directory: string;
let certificate: { caFile: string; certFile: string; keyFile: string };
let otherCaFile: string;
let tokenFile: string;
let caFile: string;
let headers: IncomingHttpHeaders[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'api-'));
  certificate = await makeCertificate(directory, ['127.0.0.1']);
  otherCaFile = (await makeCertificate(mkdtempSync(join(directory, 'other-')), ['127.0.0.1'])).caFile;
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => {
  headers = [];
  tokenFile = join(directory, 'token');
  caFile = join(directory, 'service-account-ca.crt');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  writeFileSync(caFile, readFileSync(certificate.caFile));
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function serve(listener: RequestListener): Promise<number> {
  const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certFile) };
  const server = createHttpsServer(tls, (request, response) => {
    headers.push(request.headers);
    listener(request, response);
  });
  const { port, kill } = await listen(server);
  cleanUps.push(kill);
  return port;
}

function answer(status: number): Promise<number> {
  return serve((_, response) => response.writeHead(status).end());
}

function create(url: string, timeoutSeconds = 5): KubernetesApiProbe {
  return new KubernetesApiProbe({ url, timeoutSeconds, caFile, tokenFile });
}

function ask(port: number): Promise<ProbeResult> {
  return create(`https://127.0.0.1:${port}/readyz`).probe(signal);
}

describe('KubernetesApiProbe', () => {
  it("succeeds when the API server answers 200 to the pod's token", async () => {
    const port = await answer(200);
    expect(await ask(port)).toMatchObject({
      outcome: 'success',
      reason: `GET https://127.0.0.1:${port}/readyz answered 200`,
    });
    expect(headers[0]).toMatchObject({ authorization: `Bearer ${TOKEN}` });
  });

  it('fails when the API server says that it is not ready', async () => {
    const port = await answer(500);
    expect(await ask(port)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('answered 500, expected 200'),
    });
  });

  it.each([
    [401, /does not accept this pod's token/],
    [403, /service account may not read/],
  ])('counts %d as reached, and says what is wrong', async (status, said) => {
    const result = await ask(await answer(status));
    expect(result.outcome).toBe('success');
    expect(result.reason).toMatch(said);
  });

  it('reads token and CA again for each probe, because they rotate', async () => {
    const port = await answer(200);
    const probe = create(`https://127.0.0.1:${port}/readyz`);
    writeFileSync(caFile, readFileSync(otherCaFile));
    expect(await probe.probe(signal)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringMatching(/certificate|self.signed/i),
    });
    writeFileSync(caFile, readFileSync(certificate.caFile));
    writeFileSync(tokenFile, 'rotated');
    expect(await probe.probe(signal)).toMatchObject({ outcome: 'success' });
    expect(headers.map(({ authorization }) => authorization)).toEqual(['Bearer rotated']);
  });

  it('does not send the token before the certificate is verified', async () => {
    writeFileSync(caFile, readFileSync(otherCaFile));
    expect(await ask(await answer(200))).toMatchObject({ outcome: 'failure' });
    expect(headers).toEqual([]);
  });

  it('sends the token nowhere else: a redirect is a failure', async () => {
    const elsewhere = await answer(200);
    const port = await serve((_, response) =>
      response.writeHead(302, { location: `https://127.0.0.1:${elsewhere}/` }).end(),
    );
    expect(await ask(port)).toMatchObject({ outcome: 'failure', reason: expect.stringContaining('answered 302') });
    expect(headers).toHaveLength(1);
  });

  it('sends nothing over plain HTTP', async () => {
    let requests = 0;
    const server = createHttpServer((_, response) => {
      requests += 1;
      response.end();
    });
    const { port, kill } = await listen(server);
    cleanUps.push(kill);
    expect(await create(`http://127.0.0.1:${port}/readyz`).probe(signal)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('over https only'),
    });
    expect(requests).toBe(0);
  });

  it('fails with the reason when the token file is missing, empty or not a token', async () => {
    const port = await answer(200);
    rmSync(tokenFile);
    expect((await ask(port)).reason).toContain(`the service account token cannot be read from ${tokenFile} (ENOENT)`);
    writeFileSync(tokenFile, ' \n');
    expect((await ask(port)).reason).toContain(`the service account token file ${tokenFile} is empty`);
    writeFileSync(tokenFile, 'two\nlines');
    expect(await ask(port)).toMatchObject({
      outcome: 'failure',
      reason: expect.stringContaining('characters that no token has'),
    });
    expect(headers).toEqual([]);
  });

  it('fails with the reason when the CA file is missing, empty or no certificate', async () => {
    const port = await answer(200);
    rmSync(caFile);
    expect((await ask(port)).reason).toContain(`the CA cannot be read from ${caFile} (ENOENT)`);
    writeFileSync(caFile, '');
    expect((await ask(port)).reason).toContain(`the CA file ${caFile} is empty`);
    writeFileSync(caFile, 'no certificate');
    expect(await ask(port)).toMatchObject({ outcome: 'failure' });
    expect(headers).toEqual([]);
  });

  it('is refused where nothing listens', async () => {
    expect(await ask(await freePort())).toMatchObject({ outcome: 'refused', code: 'ECONNREFUSED' });
  });

  it('fails when there is no answer within the time-out', async () => {
    const { port, kill } = await listen(createTcpServer());
    cleanUps.push(kill);
    const result = await create(`https://127.0.0.1:${port}/readyz`, 0.1).probe(signal);
    expect(result).toMatchObject({
      outcome: 'failure',
      code: 'ETIMEDOUT',
      reason: expect.stringContaining('within 0.1 s'),
    });
  });

  it('is inconclusive when it is given up', async () => {
    const controller = new AbortController();
    controller.abort();
    const port = await answer(200);
    expect(await create(`https://127.0.0.1:${port}/readyz`).probe(controller.signal)).toMatchObject({
      outcome: 'inconclusive',
    });
  });

  it('never shows the token, nor user information of the URL, in a reason or as its target', async () => {
    const port = await serve((request, response) => {
      response
        .writeHead(302, { location: `https://x/?${request.headers.authorization}` })
        .end(request.headers.authorization);
    });
    const probe = create(`https://user:${TOKEN}@127.0.0.1:${port}/readyz`);
    const results = [await probe.probe(signal)];
    writeFileSync(tokenFile, `${TOKEN}\u0001`);
    results.push(await probe.probe(signal));
    expect(JSON.stringify([results, probe.target])).not.toContain('secret');
  });
});
