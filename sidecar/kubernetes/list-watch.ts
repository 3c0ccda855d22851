import { HTTP_STATUS } from '../../common/http-status.ts';
import type { ApiAccess } from '../../common/kubernetes-access.ts';
import { ApiWatch, WatchError, type WatchLimits, type WatchRound } from './api-watch.ts';
import { readWatchEvent } from './watch-event.ts';

/** What every watch of a collection takes. */
export interface ListWatchOptions extends ApiAccess {
  readonly limits?: Partial<WatchLimits> | undefined;
}

/** What every watch of a collection reports to. */
export interface ListWatchReports {
  /** Called with the reason when nothing can be watched any more, once per kind of reason, and with null when it can again. */
  readonly onProblem: (problem: string | null) => void;
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined;
}

/** What is watched. */
export interface Collection {
  /** For messages: `nodeplans`. */
  readonly resource: string;
  readonly path: string;
  /** Which of its objects: a `fieldSelector` or a `labelSelector`. */
  readonly selector: Readonly<Record<string, string>>;
}

/** How its objects are read, and who gets them. */
interface ListWatchHandlers<T> {
  /** @throws Error when it is no such list */
  readonly readList: (document: unknown) => { readonly resourceVersion: string; readonly items: readonly T[] };
  /** Of a bookmark only the metadata is there. @throws Error when it is no such object */
  readonly readObject: (object: unknown) => { readonly resourceVersion: string; readonly item: T };
  /** Called with all that there are, which replace what was known. */
  readonly onList: (items: readonly T[]) => void;
  readonly onPresent: (item: T) => void;
  readonly onDeleted: (item: T) => void;
  /** The error of a refused request in other words. */
  readonly explain?: (error: WatchError) => WatchError;
}

/**
 * Follows objects of a collection: a list, because a watch cannot say that nothing else is there, then watches from the version that was
 * observed last, which bookmarks keep fresh, so that what stays the same costs no further list
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). Nothing waits for it: while the API is away,
 * what was observed last stays in force.
 */
export class ListWatch<T> {
  readonly #collection: Collection;
  readonly #handlers: ListWatchHandlers<T>;
  readonly #watch: ApiWatch;
  /** Version that the next watch goes on from; undefined when a list must come first. */
  #version: string | undefined;

  constructor(
    collection: Collection,
    options: ListWatchOptions,
    { onProblem, random, ...handlers }: ListWatchReports & ListWatchHandlers<T>,
  ) {
    this.#collection = collection;
    this.#handlers = handlers;
    this.#watch = new ApiWatch(
      { ...options, resource: collection.resource },
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
    const { path, selector } = this.#collection;
    const resourceVersion = this.#version ?? (await this.#list(round));
    const params = { ...selector, resourceVersion, allowWatchBookmarks: true };
    try {
      for await (const line of round.watch(path, params, () => this.#watch.reportWell())) this.#handle(line);
    } catch (error) {
      if (!(error instanceof WatchError) || error.status === undefined) throw error;
      this.#version = undefined;
      if (error.status !== HTTP_STATUS.gone) throw this.#explained(error);
    }
  }

  /** Asks without a version, which is answered by what is, and not by what a cache of the server remembers. */
  async #list(round: WatchRound): Promise<string> {
    const { path, selector } = this.#collection;
    const document = await round.get(path, selector).catch((error: unknown) => {
      throw error instanceof WatchError ? this.#explained(error) : error;
    });
    const { resourceVersion, items } = this.#handlers.readList(document);
    this.#observed(resourceVersion);
    this.#handlers.onList(items);
    return resourceVersion;
  }

  #handle(line: string): void {
    const event = readWatchEvent(line);
    if (event.kind === 'error') throw new WatchError(event.message, { status: event.code ?? 0 });
    if (event.kind === 'other') return;
    const { resourceVersion, item } = this.#handlers.readObject(event.object);
    if (event.kind === 'bookmark') {
      this.#version = resourceVersion;
      return;
    }
    this.#observed(resourceVersion);
    if (event.kind === 'deleted') this.#handlers.onDeleted(item);
    else this.#handlers.onPresent(item);
  }

  #observed(version: string): void {
    this.#version = version;
    this.#watch.reportWell();
  }

  #explained(error: WatchError): WatchError {
    return this.#handlers.explain?.(error) ?? error;
  }
}
