import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { ApiWatch, WatchError, type WatchLimits, type WatchRound } from './api-watch.ts';
import {
  type Endpoint,
  type EndpointSlice,
  endpointsOf,
  readEndpointSlice,
  readEndpointSlices,
} from './endpoint-slices.ts';
import { readWatchEvent } from './watch-event.ts';

interface EndpointsWatchOptions extends ApiAccess {
  readonly limits?: Partial<WatchLimits>;
}

interface EndpointsWatchDependencies {
  /** Called with every state that the API tells; may be empty. */
  readonly onEndpoints: (endpoints: readonly Endpoint[]) => void;
  /** Called with the reason when nothing can be watched any more, once per kind of reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** kube-apiserver writes its own addresses here, and takes one away when its shutdown begins. */
const PATH = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const SELECTOR = 'kubernetes.io/service-name=kubernetes';
const GONE = 410;

/**
 * Follows the addresses of the API servers, by the EndpointSlices of the Service `default/kubernetes`: a list, because a watch cannot tell
 * that nothing else is there, and watches from the version that was told last. Nothing waits for it: while the API is away nothing is told,
 * so what was told last stays in force.
 */
export class EndpointsWatch {
  readonly #dependencies: EndpointsWatchDependencies;
  readonly #watch: ApiWatch;
  #slices = new Map<string, EndpointSlice>();
  /** Version that the next watch goes on from; undefined when only a list can tell what is. */
  #version: string | undefined;

  constructor(options: EndpointsWatchOptions, dependencies: EndpointsWatchDependencies) {
    this.#dependencies = dependencies;
    const { onProblem, random } = dependencies;
    this.#watch = new ApiWatch(
      { ...options, resource: 'endpointslices' },
      { round: (round) => this.#read(round), onProblem, random },
    );
  }

  /** Begins to watch; does nothing when it watches already. */
  start(): void {
    this.#watch.start();
  }

  /** Ends watching; may be called twice, and be followed by another start. */
  stop(): void {
    this.#watch.stop();
    this.#version = undefined;
  }

  async #read(round: WatchRound): Promise<void> {
    const resourceVersion = this.#version ?? (await this.#list(round));
    const params = { labelSelector: SELECTOR, resourceVersion, allowWatchBookmarks: true };
    try {
      for await (const line of round.watch(PATH, params, () => this.#watch.reportWell())) this.#accept(line);
    } catch (error) {
      if (!(error instanceof WatchError) || error.status === undefined) throw error;
      this.#version = undefined;
      if (error.status !== GONE) throw error;
    }
  }

  async #list(round: WatchRound): Promise<string> {
    const { resourceVersion, slices } = readEndpointSlices(await round.get(PATH, { labelSelector: SELECTOR }));
    this.#slices = new Map(slices.map((slice) => [slice.name, slice]));
    this.#report(resourceVersion);
    return resourceVersion;
  }

  #accept(line: string): void {
    const event = readWatchEvent(line);
    if (event.kind === 'error') throw new WatchError(event.message, { status: event.code ?? 0 });
    if (event.kind === 'other') return;
    const slice = readEndpointSlice(event.object);
    if (event.kind === 'bookmark') {
      this.#version = slice.resourceVersion;
      return;
    }
    if (event.kind === 'deleted') this.#slices.delete(slice.name);
    else this.#slices.set(slice.name, slice);
    this.#report(slice.resourceVersion);
  }

  #report(version: string): void {
    this.#version = version;
    this.#watch.reportWell();
    this.#dependencies.onEndpoints(endpointsOf(this.#slices.values()));
  }
}
