/**
 * The Kubernetes API server of the lab, as far as a node agent needs one: TLS, a bearer token for everything, health, and
 * list and watch of the release's pods, of the nodes and of their plans, whose status can be written. A process in a namespace of its own, started by api.ts.
 */
import { readdirSync, readFileSync, watch } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { ApiServerOptions, NodeObject, PodObject } from './api-protocol.ts';
import {
  type ApiRequest,
  apiStatus,
  nodeList,
  planList,
  planObject,
  podList,
  readApiRequest,
  selectPods,
  type WatchRequest,
  watchEvent,
} from './api-requests.ts';
import { PlanStore } from './plan-store.ts';

/** A watch ends after this time, as the real one does after 30 to 60 minutes. */
const WATCH_SECONDS = 1800;

const options = JSON.parse(process.argv[2] ?? '{}') as ApiServerOptions;

const plans = new PlanStore({ directory: options.plansDirectory });

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
  beginWatch(
    response,
    asked.watch,
    pods.map((pod) => watchEvent('ADDED', 'Pod', pod)),
  );
}

/** Begins to answer a watch with what exists, and ends it when its time is over. */
function beginWatch(response: ServerResponse, asked: WatchRequest, present: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  if (asked.initial) {
    response.write(present.join(''));
  }
  const end = setTimeout(() => response.end(), 1000 * (asked.timeoutSeconds ?? WATCH_SECONDS));
  response.once('close', () => clearTimeout(end));
}

function readNode(file: string): NodeObject {
  return JSON.parse(readFileSync(join(options.nodesDirectory, file), 'utf8')) as NodeObject;
}

function isNodeFile(file: string | null): file is string {
  return file !== null && /^[^.].*\.json$/.test(file);
}

/** Watches of nodes that are open, with the one node that each is for. */
const nodeWatches = new Map<ServerResponse, string | undefined>();

function answerNodes(response: ServerResponse, asked: Extract<ApiRequest, { kind: 'nodes' }>): void {
  const isMeant = (node: NodeObject) => asked.name === undefined || asked.name === node.metadata.name;
  const nodes = readdirSync(options.nodesDirectory).filter(isNodeFile).map(readNode).filter(isMeant);
  if (asked.watch === undefined) {
    sendJson(response, 200, nodeList(nodes));
    return;
  }
  beginWatch(
    response,
    asked.watch,
    nodes.map((node) => watchEvent('ADDED', 'Node', node)),
  );
  nodeWatches.set(response, asked.name);
  response.once('close', () => nodeWatches.delete(response));
}

function tellOfNode(file: string): void {
  const node = readNode(file);
  for (const [response, name] of nodeWatches) {
    if (name === undefined || name === node.metadata.name) {
      response.write(watchEvent('MODIFIED', 'Node', node));
    }
  }
}

function answerPlans(response: ServerResponse, asked: Extract<ApiRequest, { kind: 'plans' }>): void {
  const present = plans.list(asked.name);
  if (asked.watch === undefined) {
    sendJson(response, 200, planList(present, plans.version));
    return;
  }
  beginWatch(response, asked.watch, []);
  // A watch without a version begins with what exists.
  const unfollow = plans.follow(asked.name, asked.since, ({ type, object }) => {
    response.write(`${JSON.stringify({ type, object: planObject(object) })}\n`);
  });
  response.once('close', unfollow);
}

async function answerStatus(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
  const text = Buffer.concat(await request.toArray()).toString('utf8');
  if (request.headers['content-type'] !== 'application/apply-patch+yaml') {
    sendJson(response, 415, apiStatus(415, 'UnsupportedMediaType', 'the stand-in takes server-side apply only'));
    return;
  }
  const plan = plans.setStatus(name, (JSON.parse(text) as { status: unknown }).status);
  if (plan === undefined) {
    sendJson(response, 404, apiStatus(404, 'NotFound', `nodeplans "${name}" not found`));
    return;
  }
  sendJson(response, 200, planObject(plan));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (!mayEnter(request)) {
    sendJson(response, 401, apiStatus(401, 'Unauthorized', 'Unauthorized'));
    return;
  }
  const asked = readApiRequest(request.url ?? '/');
  if (request.method === 'PATCH' && asked.kind === 'plan-status') {
    answerStatus(request, response, asked.name).catch(() => response.destroy());
    return;
  }
  if (request.method !== 'GET' || asked.kind === 'plan-status' || asked.kind === 'unknown') {
    const said = `the lab's API server does not know ${request.method} ${request.url}`;
    sendJson(response, 404, apiStatus(404, 'NotFound', said));
    return;
  }
  if (asked.kind === 'health') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    return;
  }
  if (asked.kind === 'nodes') {
    answerNodes(response, asked);
    return;
  }
  if (asked.kind === 'plans') {
    answerPlans(response, asked);
    return;
  }
  answerPods(response, asked);
}

plans.start();
watch(options.nodesDirectory, (_, file) => {
  if (isNodeFile(file)) {
    tellOfNode(file);
  }
});
const tls = { cert: readFileSync(options.certFile), key: readFileSync(options.keyFile) };
for (const address of options.addresses) {
  createServer(tls, answer).listen(options.port, address);
}
