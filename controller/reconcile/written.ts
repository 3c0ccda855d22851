import { isDeepStrictEqual } from 'node:util';
import type { Cached } from '../kubernetes/resource-cache.ts';

/**
 * What was written last, and what came of it. An API server may store something else than it was given (a default, a field that an older
 * definition does not have); without this memory that would be written again for ever.
 */
export class Written<T> {
  readonly #entries = new Map<string, { readonly content: T; readonly resourceVersion: string | undefined }>();

  /** Whether writing this made the stored state. */
  made(content: T, stored: Cached | undefined): boolean {
    const entry = stored === undefined ? undefined : this.#entries.get(stored.metadata.name);
    return (
      entry !== undefined &&
      entry.resourceVersion === stored?.metadata.resourceVersion &&
      isDeepStrictEqual(entry.content, content)
    );
  }

  /** Notes what was written, with what the API server made of it. */
  note(content: T, { metadata }: Cached): void {
    this.#entries.set(metadata.name, { content, resourceVersion: metadata.resourceVersion });
  }

  /** Forgets what was written to objects that are gone. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name);
  }
}
