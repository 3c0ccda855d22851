import {
  type KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  ListWatch,
  Watch,
} from '@kubernetes/client-node';
import type { TimerHandle, Timers } from '../../common/clock.ts';
import { Backoff } from './backoff.ts';
import type { Cached, ResourceCache } from './resource-cache.ts';

/**
 * The API server sends a bookmark about once a minute (https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks), so
 * a connection on which nothing has come for longer is dead.
 */
const SILENCE_LIMIT_MS = 90_000;

/** What to follow, and how. */
export interface InformerOptions<Raw, T> {
  /** For logs and metrics, e.g. `nodes`. */
  readonly name: string;
  /** E.g. `/api/v1/nodes`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What is kept of an object; the rest is not stored. */
  readonly keep: (object: Raw) => T;
}

interface InformerDependencies<Raw, T extends Cached> {
  readonly access: KubeConfig;
  readonly list: () => Promise<{
    readonly items: readonly Raw[];
    readonly metadata?: { readonly resourceVersion?: string };
  }>;
  readonly cache: ResourceCache<T>;
  readonly timers: Timers;
  /** Called once the complete list is known. */
  readonly onSynced: () => void;
  /** Called when list or watch failed, with the delay after which it is tried again. */
  readonly onError: (error: unknown, retryMs: number) => void;
}

/** What the library stores: an object with a name, and whatever is kept of it. */
type Stored<T> = KubernetesObject & T;

/** A watch that hands on what is kept of an object, asks for bookmarks, and is quiet once it is closed. */
class KeepingWatch<Raw, T> extends Watch {
  readonly #keep: (object: Raw) => T;
  readonly #onOpen: () => void;
  closed = false;

  constructor(access: KubeConfig, keep: (object: Raw) => T, onOpen: () => void) {
    super(access);
    this.#keep = keep;
    this.#onOpen = onOpen;
    // Private in its types, though it is the only way to say how long silence may be; checked by a test.
    Object.assign(this, { requestTimeoutMs: SILENCE_LIMIT_MS });
  }

  override async watch(...[path, query, tell, done]: Parameters<Watch['watch']>): Promise<AbortController> {
    if (this.closed) return new AbortController();
    let ended = false;
    const end = (error: unknown) => {
      ended = true;
      if (!this.closed) done(error);
    };
    const hear: typeof tell = (phase, object, event) => {
      if (!this.closed) tell(phase, phase === 'BOOKMARK' || phase === 'ERROR' ? object : this.#keep(object), event);
    };
    const controller = await super.watch(path, { ...query, allowWatchBookmarks: true }, hear, end);
    if (!ended) this.#onOpen();
    return controller;
  }
}

/** Keeps a cache of one kind of object current by the client library's informer, and begins again when that has ended with an error. */
export class Informer<Raw, T extends Cached> {
  readonly name: string;
  readonly #options: InformerOptions<Raw, T>;
  readonly #dependencies: InformerDependencies<Raw, T>;
  readonly #backoff = new Backoff({ firstMs: 200, maximumMs: 5_000 });
  #watch: KeepingWatch<Raw, T> | undefined;
  #informer: ListWatch<Stored<T>> | undefined;
  #timer: TimerHandle;
  #synced = false;
  #watching = false;

  constructor(options: InformerOptions<Raw, T>, dependencies: InformerDependencies<Raw, T>) {
    this.name = options.name;
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Whether the complete list was had. It stays so when the API server goes away: what is known then is complete, only old. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the API server tells of changes now. */
  get connected(): boolean {
    return this.#synced && this.#watching;
  }

  /** Lists, then watches. */
  start(): void {
    if (this.#informer !== undefined) return;
    const { path, labelSelector, fieldSelector, keep } = this.#options;
    const { access, cache } = this.#dependencies;
    this.#watch = new KeepingWatch(access, keep, () => this.#working());
    const informer = new ListWatch<Stored<T>>(
      path,
      this.#watch,
      () => this.#list(),
      false,
      labelSelector,
      fieldSelector,
    );
    informer.on('add', (object) => cache.put(object));
    informer.on('update', (object) => cache.put(object));
    informer.on('delete', (object) => cache.remove(object.metadata.name));
    informer.on('error', (error) => this.#failed(error));
    this.#informer = informer;
    this.#begin(informer);
  }

  /** Ends following; may be called twice. */
  async stop(): Promise<void> {
    this.#dependencies.timers.clearTimeout(this.#timer);
    if (this.#watch !== undefined) this.#watch.closed = true;
    await this.#informer?.stop();
    this.#informer = undefined;
  }

  async #list(): Promise<KubernetesListObject<Stored<T>>> {
    const { items, metadata } = await this.#dependencies.list();
    const kept = items.map((item) => this.#options.keep(item) as Stored<T>);
    // The library puts them into the cache as soon as it has them; whoever hears of the list must find it there.
    setImmediate(() => this.#listed());
    return { items: kept, ...(metadata === undefined ? {} : { metadata }) };
  }

  #listed(): void {
    if (this.#informer === undefined || this.#synced) return;
    this.#synced = true;
    this.#dependencies.onSynced();
  }

  /** A watch was answered: whatever failed before works again. */
  #working(): void {
    this.#watching = true;
    this.#backoff.reset();
  }

  #begin(informer: ListWatch<Stored<T>>): void {
    informer.start().catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    const informer = this.#informer;
    if (informer === undefined) return;
    this.#watching = false;
    const { timers, onError } = this.#dependencies;
    const retryMs = this.#backoff.next();
    timers.clearTimeout(this.#timer);
    this.#timer = timers.setTimeout(() => this.#begin(informer), retryMs);
    onError(error, retryMs);
  }
}
