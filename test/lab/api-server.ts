/**
 * The Kubernetes API server of the lab, as far as a node agent needs one: TLS, a bearer token for everything, health, and
 * list and watch of the release's pods, of the nodes and of their plans, whose status can be written. A process in a namespace of its own, started by api.ts.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { ApiServerOptions } from './api-protocol.ts';
import { type ApiRequest, apiStatus, RESOURCES, readApiRequest } from './api-requests.ts';
import { ObjectStore } from './object-store.ts';

/** A watch ends after this time, as the real one does after 30 to 60 minutes. */
const WATCH_SECONDS = 1800;

const options = JSON.parse(process.argv[2] ?? '{}') as ApiServerOptions;

function storeOf(resource: keyof typeof RESOURCES): ObjectStore {
  return new ObjectStore({ directory: join(options.objectsDirectory, resource) });
}
const stores = { pods: storeOf('pods'), nodes: storeOf('nodes'), nodeplans: storeOf('nodeplans') };

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function mayEnter(request: IncomingMessage): boolean {
  return request.headers.authorization === `Bearer ${readFileSync(options.tokenFile, 'utf8').trim()}`;
}

/** A list as the API server writes it, or a watch, which goes on until its time is over. */
function answerObjects(
  response: ServerResponse,
  { of, selection, watch }: Extract<ApiRequest, { kind: 'objects' }>,
): void {
  const store = stores[of];
  const { kind, apiVersion } = RESOURCES[of];
  if (watch === undefined) {
    const items = store.list(selection).map((object) => ({ kind, apiVersion, ...object }));
    const metadata = { resourceVersion: String(store.version) };
    sendJson(response, 200, { kind: `${kind}List`, apiVersion, metadata, items });
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const unfollow = store.follow(selection, watch.since, ({ type, object }) => {
    response.write(`${JSON.stringify({ type, object: { kind, apiVersion, ...object } })}\n`);
  });
  const end = setTimeout(() => response.end(), 1000 * (watch.timeoutSeconds ?? WATCH_SECONDS));
  response.once('close', () => {
    clearTimeout(end);
    unfollow();
  });
}

async function answerStatus(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
  const text = Buffer.concat(await request.toArray()).toString('utf8');
  if (request.headers['content-type'] !== 'application/apply-patch+yaml') {
    sendJson(response, 415, apiStatus(415, 'UnsupportedMediaType', 'the stand-in takes server-side apply only'));
    return;
  }
  const plan = stores.nodeplans.setStatus(name, (JSON.parse(text) as { status: unknown }).status);
  if (plan === undefined) {
    sendJson(response, 404, apiStatus(404, 'NotFound', `nodeplans "${name}" not found`));
    return;
  }
  sendJson(response, 200, { ...RESOURCES.nodeplans, ...plan });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (!mayEnter(request)) {
    sendJson(response, 401, apiStatus(401, 'Unauthorized', 'Unauthorized'));
    return;
  }
  const asked = readApiRequest(request.url ?? '/');
  if (request.method === 'PATCH' && asked.kind === 'plan-status') {
    answerStatus(request, response, asked.name).catch(() => response.destroy());
  } else if (request.method === 'GET' && asked.kind === 'health') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  } else if (request.method === 'GET' && asked.kind === 'objects') {
    answerObjects(response, asked);
  } else {
    const said = `the lab's API server does not know ${request.method} ${request.url}`;
    sendJson(response, 404, apiStatus(404, 'NotFound', said));
  }
}

for (const store of Object.values(stores)) store.start();
const tls = { cert: readFileSync(options.certFile), key: readFileSync(options.keyFile) };
for (const address of options.addresses) {
  createServer(tls, answer).listen(options.port, address);
}
