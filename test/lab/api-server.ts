/**
 * The Kubernetes API server of the lab, as far as a node agent needs one: TLS, a bearer token for everything, health, and
 * list and watch of the release's pods. A process in a namespace of its own, started by api.ts.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { ApiServerOptions, PodObject } from './api-protocol.ts';
import { type ApiRequest, apiStatus, podList, readApiRequest, selectPods } from './api-requests.ts';

/** A watch ends after this time, as the real one does after 30 to 60 minutes. */
const WATCH_SECONDS = 1800;

const options = JSON.parse(process.argv[2] ?? '{}') as ApiServerOptions;

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function mayEnter(request: IncomingMessage): boolean {
  return request.headers.authorization === `Bearer ${readFileSync(options.tokenFile, 'utf8').trim()}`;
}

function readPods(): PodObject[] {
  return JSON.parse(readFileSync(options.podsFile, 'utf8')) as PodObject[];
}

function answerPods(response: ServerResponse, asked: Extract<ApiRequest, { kind: 'pods' }>): void {
  const pods = selectPods(readPods(), asked.namespace, asked.labels);
  if (asked.watch === undefined) {
    sendJson(response, 200, podList(pods));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  for (const object of asked.watch.initial ? pods : []) {
    response.write(`${JSON.stringify({ type: 'ADDED', object: { kind: 'Pod', apiVersion: 'v1', ...object } })}\n`);
  }
  const end = setTimeout(() => response.end(), 1000 * (asked.watch.timeoutSeconds ?? WATCH_SECONDS));
  response.once('close', () => clearTimeout(end));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (!mayEnter(request)) {
    sendJson(response, 401, apiStatus(401, 'Unauthorized', 'Unauthorized'));
    return;
  }
  const asked = readApiRequest(request.url ?? '/');
  if (request.method !== 'GET' || asked.kind === 'unknown') {
    const said = `the lab's API server does not know ${request.method} ${request.url}`;
    sendJson(response, 404, apiStatus(404, 'NotFound', said));
    return;
  }
  if (asked.kind === 'health') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    return;
  }
  answerPods(response, asked);
}

const tls = { cert: readFileSync(options.certFile), key: readFileSync(options.keyFile) };
for (const address of options.addresses) {
  createServer(tls, answer).listen(options.port, address);
}
