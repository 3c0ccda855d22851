import { HttpMethod, Watch } from '@kubernetes/client-node';
import { systemClock } from '../../common/clock.ts';
import { loadAccess, type SharedKubeConfig } from '../../controller/kubernetes/access.ts';
import { send } from '../../controller/kubernetes/send.ts';
import { helmInstall } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';

/** Where the Services of the bench are. */
export const SERVICES_NAMESPACE = 'bench';
const SERVICES = `/api/v1/namespaces/${SERVICES_NAMESPACE}/services`;
const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${SERVICES_NAMESPACE}/endpointslices`;
/** Thousands of Services have to be given up. */
const GONE_LIMIT_MS = 300_000;
const WATCH_AGAIN_MS = 500;
const READY_ARGS = ['--wait', '--timeout', '120s'];

/** A Service as the bench reads it. */
interface WatchedService {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** What a Service of the bench is to be. */
export interface ServiceOptions {
  /** An address that it asks for by name. */
  readonly address?: string;
  /** Fields of its spec besides. */
  readonly spec?: object;
}

/** Which endpoints a Service is to have. */
interface EndpointOptions {
  /** By default all. */
  readonly nodes?: readonly string[];
  /** So many more that are not ready. */
  readonly silent?: number;
}

/** Services on a cluster: made and read by a client of the API that keeps its connection, so that a program's start is no part of a time. */
export class ServicesSite {
  readonly site: Site;
  readonly #access: SharedKubeConfig;
  /** By name: when its status first had an address, and which. */
  readonly #published = new Map<string, { readonly atMs: number; readonly address: string }>();
  #watch: AbortController | undefined;
  #stopped = false;

  constructor(site: Site) {
    this.site = site;
    this.#access = loadAccess(site.description.kubeconfig, { clock: systemClock });
  }

  /** Installs the chart with Services and no single address, and begins to watch. @param set further `key=value` */
  async start(set: readonly string[] = []): Promise<void> {
    const on = ['keepalived.vipAddressCidr=', 'services.enabled=true', 'services.classless=true'];
    await helmInstall(this.site, { set: [...on, ...set], args: READY_ARGS });
    await this.site.kubectl(['create', 'namespace', SERVICES_NAMESPACE]);
    await this.#follow();
  }

  /** Ends the watch, and removes the namespace with all Services. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.abort();
    await this.site.kubectl(['delete', 'namespace', SERVICES_NAMESPACE, '--ignore-not-found', '--timeout=300s'], {
      timeout: 310_000,
    });
  }

  /** What was published of each Service first, by its name. */
  get allPublished(): ReadonlyMap<string, { readonly atMs: number; readonly address: string }> {
    return this.#published;
  }

  /** What was published of a Service first; undefined: nothing yet. */
  published(name: string): { readonly atMs: number; readonly address: string } | undefined {
    return this.#published.get(name);
  }

  /** Makes a Service of port 80. Its endpoints are to be there before: see `addEndpoints`. @returns when the API server had it */
  async create(name: string, { address, spec = {} }: ServiceOptions = {}): Promise<number> {
    this.#published.delete(name);
    const annotations = address === undefined ? {} : { 'keepalived-ingress-vip.io/addresses': address };
    await this.post(SERVICES, {
      metadata: { name, annotations },
      spec: {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
        ...spec,
      },
    });
    return monotonicMs();
  }

  /** Lists the ingress of nodes as endpoints of a Service that has no selector. */
  async addEndpoints(
    name: string,
    { nodes = this.site.cluster.nodes, silent = 0 }: EndpointOptions = {},
  ): Promise<void> {
    const hosts = this.site.cluster.plan.nodes.filter((node) => nodes.includes(node.name));
    const ready = hosts.map((node) => ({ addresses: [node.ipv4], nodeName: node.name }));
    const others = Array.from({ length: silent }, (_, index) => ({
      addresses: [`10.244.250.${index + 1}`],
      conditions: { ready: false },
    }));
    const endpoints = [...ready, ...others];
    await this.post(SLICES, {
      metadata: { name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      endpoints,
    });
  }

  /** Deletes a Service; its end may take a while. */
  async delete(name: string): Promise<void> {
    await send(this.#access, { method: HttpMethod.DELETE, path: `${SERVICES}/${name}` });
  }

  /** Deletes all Services and their endpoints, and waits until nothing of them is left. */
  async deleteAll(): Promise<void> {
    for (const path of [SERVICES, SLICES]) await send(this.#access, { method: HttpMethod.DELETE, path });
    await waitFor(
      'the Services to be gone',
      async () => (await this.get<{ items: readonly unknown[] }>(`${SERVICES}?limit=1`)).items.length === 0,
      { limitMs: GONE_LIMIT_MS, everyMs: 500 },
    );
  }

  /** Makes an object. */
  async post(path: string, content: object): Promise<void> {
    await send(this.#access, { method: HttpMethod.POST, path, body: { type: 'application/json', content } });
  }

  /** Reads what is at a path. */
  get<T>(path: string): Promise<T> {
    return send<T>(this.#access, { method: HttpMethod.GET, path });
  }

  async #follow(): Promise<void> {
    if (this.#stopped) return;
    const take = (phase: string, service: WatchedService) => this.#take(phase, service);
    this.#watch = await new Watch(this.#access).watch(SERVICES, {}, take, () => this.#followAgain());
  }

  /** The API server may be away for a while. */
  #followAgain(): void {
    setTimeout(() => void this.#follow().catch(() => this.#followAgain()), WATCH_AGAIN_MS).unref();
  }

  #take(phase: string, { metadata: { name }, status }: WatchedService): void {
    const address = status?.loadBalancer?.ingress?.[0]?.ip;
    if (phase === 'DELETED' || address === undefined) this.#published.delete(name);
    else if (!this.#published.has(name)) this.#published.set(name, { atMs: monotonicMs(), address });
  }
}
