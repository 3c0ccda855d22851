import { type KubeConfig, Watch } from '@kubernetes/client-node';

/** After this the library lists anew. */
const GONE = { statusCode: 410 };

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

/** What a watch is to do besides. */
interface KeepingWatchOptions<Raw, T> {
  /** What is kept of an object. */
  readonly keep: (object: Raw) => T;
  readonly silenceLimitMs: number;
}

/**
 * A watch that hands on what is kept of an object, asks for bookmarks, and is quiet once it is closed. After silence a list follows: the
 * connection may have been dead, but an API server whose etcd was restored from a backup is silent, too, to who asks for what comes after
 * a version that it does not have yet.
 */
export class KeepingWatch<Raw, T> extends Watch {
  readonly #keep: (object: Raw) => T;
  readonly #onOpen: () => void;
  closed = false;

  constructor(access: KubeConfig, { keep, silenceLimitMs }: KeepingWatchOptions<Raw, T>, onOpen: () => void) {
    super(access);
    this.#keep = keep;
    this.#onOpen = onOpen;
    // Private in its types, though it is the only way to say how long silence may be; checked by a test.
    Object.assign(this, { requestTimeoutMs: silenceLimitMs });
  }

  override async watch(...[path, query, onEvent, done]: Parameters<Watch['watch']>): Promise<AbortController> {
    if (this.closed) return new AbortController();
    let ended = false;
    const onEnd = (error: unknown) => {
      ended = true;
      if (!this.closed) done(isTimeout(error) ? GONE : error);
    };
    const onKept: typeof onEvent = (phase, object, event) => {
      if (!this.closed) onEvent(phase, phase === 'BOOKMARK' || phase === 'ERROR' ? object : this.#keep(object), event);
    };
    const controller = await super.watch(path, { ...query, allowWatchBookmarks: true }, onKept, onEnd);
    if (!ended) this.#onOpen();
    return controller;
  }
}
