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
  /** Of an object that does not matter a change is stored without a notification. Absent: all matter. */
  readonly matters?: ((object: T) => boolean) | undefined;
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

/** So many objects that are gone are remembered: an answer that is older than their end comes within a moment. */
const GONE_REMEMBERED = 1000;

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
  readonly #matters: (object: T) => boolean;
  readonly #onChange: () => void;
  /** Of objects that are gone: the newest version that was known. */
  readonly #gone = new Map<string, string>();
  #changes = 0;
  /** Until an object comes or goes: the keys in order. There are thousands, and most changes are of an object that is known. */
  #keys: readonly string[] | undefined;
  /** Until anything changes: a run asks several times. */
  #list: readonly T[] | undefined;

  constructor(options: CacheOptions<T>, dependencies: CacheDependencies) {
    this.#same = options.same ?? (() => false);
    this.#matters = options.matters ?? (() => true);
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

  /** An object, or the one that is known if that is the same in all: thousands of them are to be in memory once. */
  oneCopy(object: T): T {
    const known = this.#entries.get(keyOf(object.metadata))?.object;
    const isSame = known !== undefined && versionOf(known) === versionOf(object) && isDeepStrictEqual(known, object);
    return isSame ? known : object;
  }

  /** All objects, by namespace and name. */
  list(): readonly T[] {
    this.#keys ??= [...this.#entries.keys()].sort(compareText);
    this.#list ??= this.#keys.flatMap((key) => this.#entries.get(key)?.object ?? []);
    return this.#list;
  }

  /** Takes a state of an object, unless a newer one is known, or it is from before the object's end. */
  put(object: T): void {
    const key = keyOf(object.metadata);
    const present = this.#entries.get(key)?.object;
    const [version, known] = [versionOf(object), present === undefined ? this.#gone.get(key) : versionOf(present)];
    if (isOlder(version, known) || (known !== undefined && known === version)) return;
    this.#set(object);
    if (this.#matters(object) && (present === undefined || !this.#same(present, object))) this.#onChange();
  }

  /** Forgets an object that is gone, unless one is known that was made since. Without a resource version it is gone in any case. */
  remove(object: Cached): void {
    const key = keyOf(object.metadata);
    const present = this.#entries.get(key)?.object;
    if (present === undefined || isOlder(versionOf(object), versionOf(present))) return;
    this.#drop(key);
    this.#noteEnd(key, isOlder(versionOf(present), versionOf(object)) ? versionOf(object) : versionOf(present));
    if (this.#matters(present)) this.#onChange();
  }

  /**
   * Replaces everything that is known by a list, whatever versions were known before. Only what a write of our own brought while the list was
   * under way stays, where it is newer: the watch that follows the list begins before it.
   * @param objects all that there are
   * @param since {@link changes} when the list was asked for
   */
  replace(objects: readonly T[], since: number): void {
    this.#gone.clear();
    const listed = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    const gone = [...this.#entries].filter(([key, { change }]) => !listed.has(key) && change <= since);
    for (const [key] of gone) this.#drop(key);
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

  /** What a write of our own brings may come after the watch told that the object is gone. */
  #noteEnd(key: string, version: string | undefined): void {
    this.#gone.delete(key);
    if (version !== undefined) this.#gone.set(key, version);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > GONE_REMEMBERED && oldest !== undefined) this.#gone.delete(oldest);
  }

  #set(object: T): void {
    const key = keyOf(object.metadata);
    this.#gone.delete(key);
    this.#changes += 1;
    if (!this.#entries.has(key)) this.#keys = undefined;
    this.#list = undefined;
    this.#entries.set(key, { object, change: this.#changes });
  }

  #drop(key: string): void {
    this.#entries.delete(key);
    this.#keys = undefined;
    this.#list = undefined;
  }

  #isAlike(before: T, after: T): boolean {
    return this.#same(before, after) || isDeepStrictEqual(before, after);
  }
}
