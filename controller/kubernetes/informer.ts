import { type KubeConfig, type KubernetesListObject, type KubernetesObject, ListWatch } from '@kubernetes/client-node';
import type { TimerHandle, Timers } from '../../common/clock.ts';
import { Backoff } from '../../common/retry.ts';
import { KeepingWatch } from './keeping-watch.ts';
import { listObjects } from './list.ts';
import type { Cached, ResourceCache } from './resource-cache.ts';
import type { WatchedResource } from './resources.ts';

/**
 * The API server sends a bookmark about once a minute (https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks), so
 * a connection on which nothing has come for longer is dead.
 */
const SILENCE_LIMIT_MS = 90_000;

interface InformerDependencies<T extends Cached> {
  readonly access: KubeConfig;
  readonly cache: ResourceCache<T>;
  readonly timers: Timers;
  /** Called once the complete list is known. */
  readonly onSynced: () => void;
  /** Called when list or watch failed, with the delay after which it is tried again. */
  readonly onError: (error: unknown, retryMs: number) => void;
  /** For tests; default: {@link SILENCE_LIMIT_MS}. */
  readonly silenceLimitMs?: number;
}

/** What the library stores: an object with a name, and whatever is kept of it. */
type Stored<T> = KubernetesObject & T;

/** Keeps a cache of one kind of object current by the client library's informer, and begins again when that has ended with an error. */
export class Informer<Raw, T extends Cached> {
  readonly name: string;
  readonly #resource: WatchedResource<Raw, T>;
  readonly #dependencies: InformerDependencies<T>;
  readonly #backoff = new Backoff({ firstMs: 200, maximumMs: 5_000 });
  #watch: KeepingWatch<Raw, T> | undefined;
  #informer: ListWatch<Stored<T>> | undefined;
  #timer: TimerHandle;
  #synced = false;
  #watching = false;

  constructor(resource: WatchedResource<Raw, T>, dependencies: InformerDependencies<T>) {
    this.name = resource.name;
    this.#resource = resource;
    this.#dependencies = dependencies;
  }

  /** Whether the complete list was had. It stays so when the API server goes away: what is known then is complete, only old. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the watch is up to date. */
  get connected(): boolean {
    return this.#synced && this.#watching;
  }

  /** Lists, then watches. */
  start(): void {
    if (this.#informer !== undefined) return;
    const { path, labelSelector, fieldSelector } = this.#resource;
    const { access, cache, silenceLimitMs = SILENCE_LIMIT_MS } = this.#dependencies;
    const keep = (raw: Raw) => this.#keep(raw);
    this.#watch = new KeepingWatch(access, { keep, silenceLimitMs }, () => this.#working());
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
    informer.on('delete', (object) => cache.remove(object));
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
    const { access, cache } = this.#dependencies;
    const since = cache.changes;
    const { items, metadata } = await listObjects<Raw>(access, this.#resource);
    const kept = items.map((item) => this.#keep(item));
    // The library compares it with what it knew by resource versions; here it counts whatever they are.
    if (this.#informer !== undefined) cache.replace(kept, since);
    this.#listed();
    return { items: kept, ...(metadata === undefined ? {} : { metadata }) };
  }

  /** The library stores what it is given: of what an answer to a write brought before the watch there is to be one copy. */
  #keep(raw: Raw): Stored<T> {
    return this.#dependencies.cache.oneCopy(this.#resource.keep(raw)) as Stored<T>;
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
