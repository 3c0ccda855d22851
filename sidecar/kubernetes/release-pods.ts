import {
  CoreV1Api,
  type Informer,
  KubeConfig,
  makeInformer,
  type ObjectCache,
  type V1Pod,
} from '@kubernetes/client-node';
import { orderNodes } from './rank.ts';

interface ReleasePodsOptions {
  readonly namespace: string;
  /** Label selector of the release's pods. */
  readonly podSelector: string;
}

interface ReleasePodsDependencies {
  /** Called with the nodes of the release's pods, in order of preference, whenever they change. */
  readonly onNodes: (nodes: readonly string[]) => void;
  /** Called when the API cannot be asked; it is tried again. */
  readonly onError: (error: unknown) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

const RETRY_SECONDS = 15;

/**
 * Follows which nodes run the release's pods, by one watch. Nothing waits for it: until the API has told, and while it is away, the node
 * goes on with what it was told last.
 */
export class ReleasePods {
  readonly #options: ReleasePodsOptions;
  readonly #dependencies: ReleasePodsDependencies;
  #informer: (Informer<V1Pod> & ObjectCache<V1Pod>) | undefined;
  #retry: NodeJS.Timeout | undefined;
  #told: string | undefined;

  constructor(options: ReleasePodsOptions, dependencies: ReleasePodsDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Begins to watch, with the pod's own service account. */
  start(): void {
    if (this.#informer !== undefined) return;
    const config = new KubeConfig();
    config.loadFromCluster();
    const api = config.makeApiClient(CoreV1Api);
    const { namespace, podSelector: labelSelector } = this.#options;
    const list = () => api.listNamespacedPod({ namespace, labelSelector });
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, list, labelSelector);
    this.#informer = informer;
    for (const event of ['add', 'update', 'delete'] as const) informer.on(event, () => this.#tell());
    informer.on('error', (error) => this.#failed(error));
    this.#begin();
  }

  /** Ends the watch; may be called twice. */
  stop(): void {
    const informer = this.#informer;
    this.#informer = undefined;
    clearTimeout(this.#retry);
    void informer?.stop();
  }

  #begin(): void {
    const informer = this.#informer;
    if (informer === undefined) return;
    informer.start().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (this.#informer === undefined) return;
    this.#dependencies.onError(error);
    clearTimeout(this.#retry);
    const jitter = 0.5 + (this.#dependencies.random ?? Math.random)();
    this.#retry = setTimeout(() => this.#begin(), RETRY_SECONDS * 1000 * jitter);
    this.#retry.unref();
  }

  #tell(): void {
    const pods = this.#informer?.list() ?? [];
    const nodes = orderNodes(pods.map(({ spec, status }) => ({ nodeName: spec?.nodeName, phase: status?.phase })));
    const text = JSON.stringify(nodes);
    // A pod that is not scheduled yet comes without a node; an empty order would only undo what is known.
    if (nodes.length === 0 || text === this.#told) return;
    this.#told = text;
    this.#dependencies.onNodes(nodes);
  }
}
