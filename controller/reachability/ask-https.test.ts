import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import { makeCertificate } from '../../test/support/certificates.ts';
import { askHttps } from './ask-https.ts';

const LIMIT_MS = 15_000;

let folder = '';
let tls: { readonly key: Buffer; readonly cert: Buffer };
const servers: LoopbackServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ask-https-'));
  const { certFile, keyFile } = await makeCertificate(folder, ['192.0.2.1']);
  tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
});

async function urlOf(server: Server): Promise<string> {
  const listening = await listen(server);
  servers.push(listening);
  return `https://127.0.0.1:${listening.port}/`;
}

describe('an address', () => {
  it.each([200, 302, 404, 503])(
    'answers, whatever it answers: %d, and whatever its certificate is for',
    async (code) => {
      const url = await urlOf(createServer(tls, (_, response) => response.writeHead(code).end('body')));
      expect(await askHttps(url, LIMIT_MS)).toEqual({ ok: true, text: `${url} answers ${code}` });
    },
  );

  it('is asked by a connection of its own each time', async () => {
    let connections = 0;
    const server = createServer(tls, (_, response) => response.end());
    server.on('secureConnection', () => {
      connections += 1;
    });
    const url = await urlOf(server);
    await askHttps(url, LIMIT_MS);
    await askHttps(url, LIMIT_MS);
    expect(connections).toBe(2);
  });

  it('that is silent does not answer within the limit', async () => {
    const url = await urlOf(createTcpServer());
    expect(await askHttps(url, 100)).toEqual({ ok: false, text: `${url} does not answer within 0.1 s` });
  });

  it('that refuses, or speaks no TLS, does not answer, and it is said why', async () => {
    const plain = await urlOf(createTcpServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await askHttps(plain, LIMIT_MS)).toMatchObject({ ok: false, text: expect.stringContaining('TLS') });
    const [server] = servers.splice(0);
    await server?.kill();
    expect(await askHttps(plain, LIMIT_MS)).toMatchObject({ ok: false, text: expect.stringContaining('ECONNREFUSED') });
  });
});
