import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as z from 'zod';
import { controlPlaneIngressStatusSchema } from '../../api/control-plane-ingress.ts';
import { nodePlanStatusSchema } from '../../api/node-plan.ts';
import { serviceAddressSpecSchema, serviceAddressStatusSchema } from '../../api/service-address.ts';
import { virtualIpPoolStatusSchema } from '../../api/virtual-ip-pool.ts';
import { mergePatched, strategicallyPatched } from './patches.ts';

/** An object as the fake stores it. */
export interface FakeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

interface Watcher {
  readonly resource: string;
  /** Only what is newer is told. */
  readonly since: number;
  readonly response: ServerResponse;
}

/** What is stored at one moment. */
interface Backup {
  readonly version: number;
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, FakeObject>>;
}

interface Target {
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** A request, as far as it is acted on. */
interface Asked extends Target {
  readonly verb: string;
  readonly body: FakeObject;
  /** apply, merge or strategic-merge; empty: it is no patch. */
  readonly patch: string;
  readonly manager: string;
}

/** RFC 1123 subdomain, as Kubernetes' names are. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const RESOURCES = [
  'virtualippools',
  'controlplaneingresses',
  'nodeplans',
  'nodes',
  'pods',
  'services',
  'serviceaddresses',
  'namespaces',
  'leases',
  'endpointslices',
  'events',
];

/** What the definitions of custom resources let pass. */
const STATUSES: Readonly<Record<string, z.ZodType>> = {
  virtualippools: virtualIpPoolStatusSchema,
  nodeplans: nodePlanStatusSchema,
  controlplaneingresses: controlPlaneIngressStatusSchema,
  serviceaddresses: serviceAddressStatusSchema,
};
const SPECS: Readonly<Record<string, z.ZodType>> = { serviceaddresses: serviceAddressSpecSchema };
/** etcd's limit for a request, --max-request-bytes. */
const REQUEST_BYTES = 1.5 * 1024 * 1024;

/** Takes a path apart: `…/<resource>[/<name>[/status]]`. */
function targetOf(path: string): Target | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const index = parts.findLastIndex((part) => RESOURCES.includes(part));
  const [resource, name, subresource] = parts.slice(index);
  return index < 0 || resource === undefined ? undefined : { resource, name, subresource };
}

function finalizersOf({ metadata }: FakeObject): readonly unknown[] {
  return (metadata.finalizers ?? []) as unknown[];
}

/** A patch that names another object, or another state of it, than there is. */
function refusalOf({ metadata }: FakeObject, known: FakeObject): [number, unknown] | undefined {
  const { uid = known.metadata.uid, resourceVersion = known.metadata.resourceVersion } = metadata ?? {};
  if (uid !== known.metadata.uid) return [422, { message: 'metadata.uid cannot be changed' }];
  return resourceVersion === known.metadata.resourceVersion ? undefined : [409, { message: 'it was changed' }];
}

/** What a patch is called, without the format. */
function patchOf({ headers }: IncomingMessage): string {
  return /strategic-merge|merge|apply/.exec(headers['content-type'] ?? '')?.[0] ?? '';
}

/** Undefined: it is too long. */
async function bodyOf(request: IncomingMessage): Promise<FakeObject | undefined> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  if (Buffer.byteLength(text) > REQUEST_BYTES) return undefined;
  return text === '' ? { metadata: { name: '' } } : (JSON.parse(text) as FakeObject);
}

/**
 * As much of an API server as the controller uses: list, watch, server-side apply by one manager, leases with optimistic concurrency. It
 * counts what it is asked.
 */
export class FakeApiServer {
  /** How often it was asked, e.g. `list nodes`, `watch nodes`, `patch virtualippools/status`. */
  readonly requests = new Map<string, number>();
  /** Answers requests of this kind with 500, e.g. `patch nodeplans`. */
  readonly failing = new Set<string>();
  /** Fields of a spec that the definition does not have, e.g. `nodeplans spares`. */
  readonly undeclared = new Set<string>();
  /** Waited for before a request is acted on, which is named as in {@link requests}. */
  before: (called: string) => void | Promise<void> = () => undefined;
  readonly #objects = new Map<string, Map<string, FakeObject>>(RESOURCES.map((resource) => [resource, new Map()]));
  readonly #watchers = new Set<Watcher>();
  #server: Server | undefined;
  #version = 100;
  /** Who asks for what came after an older version is told that it is gone. */
  #compactedAt = 0;

  /** Listens on loopback, at the port it had before if it had one. @returns its URL */
  async start(port = 0): Promise<string> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#watchers.clear();
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
  }

  /** Stores an object, as another client would. */
  put(resource: string, object: FakeObject): FakeObject {
    const objects = this.#of(resource);
    const { name } = object.metadata;
    const known = objects.get(name);
    this.#version += 1;
    const uid = known?.metadata.uid ?? object.metadata.uid ?? `uid-${resource}-${name}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(this.#version) } };
    objects.set(name, stored);
    this.#notify(resource, known === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  /** Deletes an object, as another client would: it goes when it has no finalizer. */
  delete(resource: string, name: string): void {
    const known = this.get(resource, name);
    if (known === undefined) return;
    if (finalizersOf(known).length === 0) this.remove(resource, name);
    else this.put(resource, { ...known, metadata: { ...known.metadata, deletionTimestamp: '2026-02-01T00:00:00Z' } });
  }

  remove(resource: string, name: string): boolean {
    const known = this.#of(resource).get(name);
    if (known === undefined) return false;
    this.#of(resource).delete(name);
    this.#version += 1;
    this.#notify(resource, 'DELETED', {
      ...known,
      metadata: { ...known.metadata, resourceVersion: String(this.#version) },
    });
    return true;
  }

  get(resource: string, name: string): FakeObject | undefined {
    return this.#of(resource).get(name);
  }

  list(resource: string): FakeObject[] {
    return [...this.#of(resource).values()];
  }

  backup(): Backup {
    const objects = new Map([...this.#objects].map(([resource, stored]) => [resource, new Map(stored)]));
    return { version: this.#version, objects };
  }

  /**
   * Puts a backup in place of everything, as after etcd was restored from it; connections end.
   * @param mode `bumped`: versions go on where they were, and older ones are gone (etcdutl's --bump-revision --mark-compacted); `plain`:
   * they begin again where the backup was made, and who watches from a version of before hears nothing until it is reached again
   */
  restore({ version, objects }: Backup, mode: 'bumped' | 'plain'): void {
    for (const [resource, stored] of objects) this.#objects.set(resource, new Map(stored));
    if (mode === 'plain') this.#version = version;
    else this.#compactedAt = this.#version += 1000;
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  #of(resource: string): Map<string, FakeObject> {
    const objects = this.#objects.get(resource);
    if (objects === undefined) throw new Error(`no resource ${resource}`);
    return objects;
  }

  #notify(resource: string, type: string, object: FakeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    for (const watcher of this.#watchers) {
      if (watcher.resource === resource && this.#version > watcher.since) watcher.response.write(line);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const target = targetOf(url.pathname);
    if (target === undefined) return this.#send(response, 404, { message: `no such path ${url.pathname}` });
    const watching = url.searchParams.get('watch') === 'true';
    const verb = this.#verb(request.method ?? 'GET', target, watching);
    const called = `${verb} ${target.resource}${target.subresource === undefined ? '' : `/${target.subresource}`}`;
    this.requests.set(called, (this.requests.get(called) ?? 0) + 1);
    if (this.failing.has(called)) return this.#send(response, 500, { message: 'made to fail' });
    const body = await bodyOf(request);
    if (body === undefined) return this.#send(response, 413, { message: 'request is too large' });
    if (verb === 'watch') return this.#watch(target.resource, url, response);
    await this.before(called);
    const manager = url.searchParams.get('fieldManager') ?? '';
    const [status, answer] = this.#act({ ...target, verb, body, patch: patchOf(request), manager });
    this.#send(response, status, answer);
  }

  #verb(method: string, { name }: Target, watching: boolean): string {
    if (method === 'GET') {
      if (watching) return 'watch';
      return name === undefined ? 'list' : 'get';
    }
    return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method;
  }

  #act(asked: Asked): [number, unknown] {
    const { verb, resource, name = '', subresource, body } = asked;
    switch (verb) {
      case 'list':
        return [200, { items: this.list(resource), metadata: { resourceVersion: String(this.#version) } }];
      case 'get':
        return this.#found(resource, name);
      case 'create':
        return this.#create(resource, body);
      case 'update':
        return this.#update(resource, body);
      case 'patch':
        return asked.patch === 'apply' ? this.#apply(resource, name, subresource, body) : this.#patch(asked);
      default:
        return this.#delete(resource, name, body);
    }
  }

  #found(resource: string, name: string): [number, unknown] {
    const found = this.get(resource, name);
    return found === undefined ? [404, { message: 'not found' }] : [200, found];
  }

  #create(resource: string, body: FakeObject): [number, unknown] {
    const { name } = body.metadata;
    if (!NAME.test(name ?? '')) return [422, { message: `"${name}" is not a name` }];
    if (this.get(resource, name) !== undefined) return [409, { message: 'it exists' }];
    const wrong = SPECS[resource]?.safeParse(body.spec).error;
    if (wrong !== undefined) return [422, { message: wrong.message }];
    return [201, this.put(resource, body)];
  }

  #update(resource: string, body: FakeObject): [number, unknown] {
    const known = this.get(resource, body.metadata.name);
    if (known === undefined) return [404, { message: 'not found' }];
    if (known.metadata.resourceVersion !== body.metadata.resourceVersion) return [409, { message: 'it was changed' }];
    return [200, this.put(resource, body)];
  }

  #apply(resource: string, name: string, subresource: string | undefined, body: FakeObject): [number, unknown] {
    const known = this.get(resource, name);
    if (subresource === 'status' && known === undefined) return [404, { message: 'not found' }];
    const refusal = this.#refusalOf(resource, subresource, body);
    if (refusal !== undefined) return refusal;
    const part = subresource === 'status' ? { status: body.status } : { spec: body.spec };
    const owners = subresource === 'status' ? {} : { ownerReferences: body.metadata.ownerReferences };
    const metadata = { ...(known?.metadata ?? { name }), ...owners };
    const next = { ...(known ?? { apiVersion: body.apiVersion, kind: body.kind }), ...part, metadata };
    // An apply that changes nothing gives no new version.
    if (known !== undefined && JSON.stringify(next) === JSON.stringify({ ...known })) return [200, known];
    return [200, this.put(resource, next)];
  }

  /** What the definition does not let pass in an apply. */
  #refusalOf(resource: string, subresource: string | undefined, body: FakeObject): [number, unknown] | undefined {
    const { apiVersion, kind, metadata, spec, status } = body;
    if (subresource === 'status') {
      const wrong = STATUSES[resource]?.safeParse(status).error;
      return wrong === undefined ? undefined : [422, { message: wrong.message }];
    }
    const field = Object.keys(spec ?? {}).find((each) => this.undeclared.has(`${resource} ${each}`));
    if (field === undefined) return undefined;
    const patched = `failed to create typed patch object (/${metadata.name}; ${apiVersion}, Kind=${kind})`;
    return [500, { message: `${patched}: .spec.${field}: field not declared in schema` }];
  }

  /** A merge patch, or a strategic one as far as Services are patched. */
  #patch({ resource, name = '', subresource, body, patch, manager }: Asked): [number, unknown] {
    const known = this.get(resource, name);
    if (known === undefined) return [404, { message: 'not found' }];
    const refusal = refusalOf(body, known);
    if (refusal !== undefined) return refusal;
    const part = subresource === 'status' ? { status: body.status } : { ...body, status: undefined };
    const next = (
      patch === 'merge' ? mergePatched(known, part) : strategicallyPatched(known, part, manager)
    ) as FakeObject;
    const wrong = SPECS[resource]?.safeParse(next.spec).error;
    if (wrong !== undefined) return [422, { message: wrong.message }];
    if (next.metadata.deletionTimestamp === undefined || finalizersOf(next).length > 0) {
      return [200, this.put(resource, next)];
    }
    this.remove(resource, name);
    return [200, next];
  }

  /** What has a finalizer stays until it has none. */
  #delete(resource: string, name: string, { preconditions }: FakeObject): [number, unknown] {
    const known = this.get(resource, name);
    if (known === undefined) return [404, { message: 'not found' }];
    const { resourceVersion } = (preconditions ?? {}) as { resourceVersion?: string };
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      return [409, { message: 'it was changed' }];
    }
    this.delete(resource, name);
    return [200, {}];
  }

  #watch(resource: string, url: URL, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    const since = Number(url.searchParams.get('resourceVersion') ?? 0);
    if (since < this.#compactedAt) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410 } })}\n`);
      return;
    }
    const watcher = { resource, since, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const object of this.list(resource)) {
      if (Number(object.metadata.resourceVersion) <= since) continue;
      response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    }
  }

  #send(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }
}
