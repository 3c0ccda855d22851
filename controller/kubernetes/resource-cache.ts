import { isOlder } from './resource-version.ts';

/** What every cached object has. */
export interface Cached {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
}

/** Says whether two states of one object are the same to whoever uses them. */
export type Sameness<T> = (before: T, after: T) => boolean;

interface CacheOptions<T> {
  /** Changes that it calls the same are stored and not told: a kubelet's heartbeat changes its Node all the time. */
  readonly same?: Sameness<T>;
}

interface CacheDependencies {
  /** Called after something that matters has changed. */
  readonly onChange: () => void;
}

/**
 * The newest known state of objects of one kind, by name: what a watch tells, and what the API server answered to a write of our own, which
 * is newer than the watch for a moment. Without the latter a second plan would be made from the memory of before the first.
 */
export class ResourceCache<T extends Cached> {
  readonly #objects = new Map<string, T>();
  readonly #same: Sameness<T>;
  readonly #onChange: () => void;

  constructor(options: CacheOptions<T>, dependencies: CacheDependencies) {
    this.#same = options.same ?? (() => false);
    this.#onChange = dependencies.onChange;
  }

  /** Takes a state of an object, unless a newer one is known. */
  put(object: T): void {
    const { name, resourceVersion } = object.metadata;
    const present = this.#objects.get(name);
    if (present !== undefined) {
      const { resourceVersion: known } = present.metadata;
      if (isOlder(resourceVersion, known) || (known !== undefined && known === resourceVersion)) return;
    }
    this.#objects.set(name, object);
    if (present === undefined || !this.#same(present, object)) this.#onChange();
  }

  /** Forgets an object that is gone. */
  remove(name: string): void {
    if (this.#objects.delete(name)) this.#onChange();
  }

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  /** All objects, by name. */
  list(): T[] {
    return [...this.#objects.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  get size(): number {
    return this.#objects.size;
  }
}
