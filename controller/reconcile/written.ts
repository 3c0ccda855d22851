import { isDeepStrictEqual } from 'node:util';
import type { Cached } from '../kubernetes/resource-cache.ts';

/**
 * What was written last, and what came of it. An API server may store something else than it was given (a default, a field that an older
 * definition does not have); without this memory that would be written again for ever.
 */
export class Written<T> {
  readonly #entries = new Map<string, { readonly wish: T; readonly resourceVersion: string | undefined }>();

  /** Whether this very wish made the stored state. */
  made(wish: T, stored: Cached | undefined): boolean {
    const entry = stored === undefined ? undefined : this.#entries.get(stored.metadata.name);
    return (
      entry !== undefined &&
      entry.resourceVersion === stored?.metadata.resourceVersion &&
      isDeepStrictEqual(entry.wish, wish)
    );
  }

  /** Notes that a wish was written, with what the API server made of it. */
  note(wish: T, { metadata }: Cached): void {
    this.#entries.set(metadata.name, { wish, resourceVersion: metadata.resourceVersion });
  }

  /** Forgets what was written to an object that is gone. */
  forget(name: string): void {
    this.#entries.delete(name);
  }
}
