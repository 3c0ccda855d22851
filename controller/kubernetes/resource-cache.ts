import { isDeepStrictEqual } from 'node:util';
import { compareText } from '../../common/compare-text.ts';
import { isOlder } from './resource-version.ts';

/** By which objects of one kind differ. */
export interface ObjectKey {
  readonly name: string;
  /** Absent: its kind has none. */
  readonly namespace?: string;
}

/** What every cached object has. */
export interface Cached {
  readonly metadata: ObjectKey & { readonly resourceVersion?: string };
}

/** Says whether two states of one object are the same to whoever uses them. */
export type Sameness<T> = (before: T, after: T) => boolean;

interface CacheOptions<T> {
  /** Changes that it calls the same are stored without a notification: a kubelet's heartbeat changes its Node all the time. */
  readonly same?: Sameness<T> | undefined;
}

interface CacheDependencies {
  /** Called after something that matters has changed. */
  readonly onChange: () => void;
}

interface Entry<T> {
  readonly object: T;
  /** Number of the change that brought it. */
  readonly change: number;
}

/** Neither has a slash in it (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). */
function keyOf({ namespace = '', name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

function versionOf({ metadata }: Cached): string | undefined {
  return metadata.resourceVersion;
}

/** What is kept of an object's metadata in any case. */
export function keptMetadata({
  name = '',
  namespace,
  resourceVersion,
}: Partial<Cached['metadata']> = {}): Cached['metadata'] {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/**
 * The newest known state of objects of one kind, by namespace and name: what a watch delivered, and what the API server answered to a write of
 * our own, which is newer than the watch for a moment. Without the latter a second plan would be made from the memory of before the first.
 *
 * Resource versions say which of two states is newer, until a list replaces everything: after etcd was restored from a backup they begin
 * again lower than before.
 */
export class ResourceCache<T extends Cached> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #same: Sameness<T>;
  readonly #onChange: () => void;
  #changes = 0;

  constructor(options: CacheOptions<T>, dependencies: CacheDependencies) {
    this.#same = options.same ?? (() => false);
    this.#onChange = dependencies.onChange;
  }

  /** How many changes there were: to be read before a list is asked for, and given to {@link replace} with it. */
  get changes(): number {
    return this.#changes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string, namespace = ''): T | undefined {
    return this.#entries.get(keyOf({ namespace, name }))?.object;
  }

  /** All objects, by namespace and name. */
  list(): T[] {
    const sorted = [...this.#entries].sort(([a], [b]) => compareText(a, b));
    return sorted.map(([, { object }]) => object);
  }

  /** Takes a state of an object, unless a newer one is known. */
  put(object: T): void {
    const present = this.#entries.get(keyOf(object.metadata))?.object;
    if (present !== undefined) {
      const [version, known] = [versionOf(object), versionOf(present)];
      if (isOlder(version, known) || (known !== undefined && known === version)) return;
    }
    this.#set(object);
    if (present === undefined || !this.#same(present, object)) this.#onChange();
  }

  /** Forgets an object that is gone, unless one is known that was made since. Without a resource version it is gone in any case. */
  remove(object: Cached): void {
    const key = keyOf(object.metadata);
    const present = this.#entries.get(key)?.object;
    if (present === undefined || isOlder(versionOf(object), versionOf(present))) return;
    this.#entries.delete(key);
    this.#onChange();
  }

  /**
   * Replaces everything that is known by a list, whatever versions were known before. Only what a write of our own brought while the list was
   * under way stays, where it is newer: the watch that follows the list begins before it.
   * @param objects all that there are
   * @param since {@link changes} when the list was asked for
   */
  replace(objects: readonly T[], since: number): void {
    const listed = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    const gone = [...this.#entries].filter(([key, { change }]) => !listed.has(key) && change <= since);
    for (const [key] of gone) this.#entries.delete(key);
    let changed = gone.length > 0;
    for (const [key, object] of listed) {
      const present = this.#entries.get(key);
      if (present !== undefined && present.change > since && isOlder(versionOf(object), versionOf(present.object)))
        continue;
      this.#set(object);
      changed ||= present === undefined || !this.#isAlike(present.object, object);
    }
    if (changed) this.#onChange();
  }

  #set(object: T): void {
    this.#changes += 1;
    this.#entries.set(keyOf(object.metadata), { object, change: this.#changes });
  }

  #isAlike(before: T, after: T): boolean {
    return this.#same(before, after) || isDeepStrictEqual(before, after);
  }
}
