import type { KubeConfig } from '@kubernetes/client-node';
import type { Timers } from '../../common/clock.ts';
import { Informer } from './informer.ts';
import { type Cached, ResourceCache } from './resource-cache.ts';
import type { WatchedResource } from './resources.ts';

/** A row of whatever kinds. */
interface AnyResource extends Omit<WatchedResource<never, Cached>, 'same' | 'matters'> {
  readonly same?: (before: never, after: never) => boolean;
  readonly matters?: (object: never) => boolean;
}

type Table = Readonly<Record<string, AnyResource>>;

/** A cache for each row of a table, under the same key. */
export type CachesOf<T extends Table> = {
  readonly [Key in keyof T]: ResourceCache<ReturnType<T[Key]['keep']>>;
};

/** How one kind is doing. */
export interface InformerState {
  readonly name: string;
  /** Whether the complete list was had. */
  readonly synced: boolean;
  /** Whether the watch is up to date. */
  readonly connected: boolean;
}

interface ClusterWatchDependencies<T extends Table> {
  readonly access: KubeConfig;
  readonly timers: Timers;
  /** Called after something that matters has changed, with the key of its row. */
  readonly onChange: (key: keyof T) => void;
  /** Called once for each kind when its complete list is known. */
  readonly onSynced: () => void;
  /** Called when list or watch of a kind failed, with its name and the delay after which it is tried again. */
  readonly onError: (name: string, error: unknown, retryMs: number) => void;
}

/** Follows every kind of a table: keeps the caches of all of them current. */
export class ClusterWatch<T extends Table> {
  readonly caches: CachesOf<T>;
  readonly #informers: readonly Informer<never, Cached>[];

  constructor(table: T, dependencies: ClusterWatchDependencies<T>) {
    const { onChange, onError, ...shared } = dependencies;
    const followed = Object.entries(table).map(([key, row]) => {
      // Whatever the row says is kept is what its cache has: the types of the table say so to those who read them.
      const resource = row as unknown as WatchedResource<never, Cached>;
      const cache = new ResourceCache<Cached>(
        { same: resource.same, matters: resource.matters },
        { onChange: () => onChange(key) },
      );
      const failed = (error: unknown, retryMs: number) => onError(resource.name, error, retryMs);
      return { key, cache, informer: new Informer(resource, { ...shared, cache, onError: failed }) };
    });
    this.caches = Object.fromEntries(followed.map(({ key, cache }) => [key, cache])) as unknown as CachesOf<T>;
    this.#informers = followed.map(({ informer }) => informer);
  }

  /** Whether all of the cluster is known. It stays so when the API server goes away: what is known then is complete, only old. */
  get complete(): boolean {
    return this.#informers.every(({ synced }) => synced);
  }

  /** In the order of the table. */
  get informers(): InformerState[] {
    return this.#informers.map(({ name, synced, connected }) => ({ name, synced, connected }));
  }

  start(): void {
    for (const informer of this.#informers) informer.start();
  }

  /** Lets the API server go; may be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }
}
