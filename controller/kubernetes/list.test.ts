import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statusOf } from './api-error.ts';
import { listObjects } from './list.ts';

let server: Server;
let access: KubeConfig;
/** Of the requests that came. */
let asked: { readonly url: string | undefined; readonly token: string | undefined }[];
let answer: { readonly status: number; readonly body: string };

beforeEach(async () => {
  asked = [];
  answer = { status: 200, body: '{"items":[{"a":1}],"metadata":{"resourceVersion":"7"}}' };
  server = createServer((request, response) => {
    asked.push({ url: request.url, token: request.headers.authorization });
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  access = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  access.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'n', token: 't' });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe('a list', () => {
  it('is of the objects that the selectors select, asked for as the user of the kubeconfig', async () => {
    const target = { path: '/api/v1/pods', labelSelector: 'a=b,c in (d,e)', fieldSelector: 'metadata.name=f' };
    expect(await listObjects(access, target)).toEqual({ items: [{ a: 1 }], metadata: { resourceVersion: '7' } });
    const [request] = asked;
    const url = new URL(request?.url ?? '', 'http://localhost');
    expect(url.pathname).toBe('/api/v1/pods');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      labelSelector: 'a=b,c in (d,e)',
      fieldSelector: 'metadata.name=f',
    });
    expect(request?.token).toBe('Bearer t');
  });

  it('is asked for by the connection of the one before', async () => {
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    for (let times = 0; times < 3; times += 1) await listObjects(access, { path: '/api/v1/pods' });
    expect([asked.length, connections]).toEqual([3, 1]);
  });

  it('fails with the status and the words of an API server that refuses', async () => {
    answer = { status: 403, body: '{"message":"pods is forbidden"}' };
    const error = await listObjects(access, { path: '/api/v1/pods' }).catch((reason: unknown) => reason);
    expect(statusOf(error)).toBe(403);
    expect(String(error)).toContain('pods is forbidden');
  });

  it('fails with a word on the kubeconfig when that names no cluster', async () => {
    await expect(listObjects(new KubeConfig(), { path: '/api/v1/pods' })).rejects.toThrow(
      'the kubeconfig names no cluster; set its current-context',
    );
  });
});
