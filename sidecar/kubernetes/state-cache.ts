import { readFile, rename, writeFile } from 'node:fs/promises';

/** Keeps what the API last told in a file, so that a container that restarts while the API is away has it. */
export class StateCache<T> {
  readonly #path: string;
  readonly #read: (document: unknown) => T;
  #kept: string | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param options.read what a document means; also called with undefined, when there is none */
  constructor(options: { path: string; read: (document: unknown) => T }) {
    this.#path = options.path;
    this.#read = options.read;
  }

  /** What was kept last. */
  async load(): Promise<T> {
    try {
      return this.#read(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      // A cache that is gone or damaged is worth no more than none.
      return this.#read(undefined);
    }
  }

  /** Keeps a state, if it is another than the one that was kept last; atomic. Rejects with the system's error. */
  async save(state: T): Promise<void> {
    const text = JSON.stringify(state) ?? '';
    if (text === this.#kept) return;
    this.#kept = text;
    const saving = this.#saving.then(() => this.#write(text));
    this.#saving = saving.catch(() => undefined);
    return saving;
  }

  async #write(text: string): Promise<void> {
    const temporary = `${this.#path}.new`;
    await writeFile(temporary, text);
    await rename(temporary, this.#path);
  }
}

/** The order of the nodes in a document; empty when it is none. */
export function readNodeOrder(document: unknown): readonly string[] {
  return Array.isArray(document) ? document.filter((name) => typeof name === 'string') : [];
}

/** Why the node is cordoned, null when it is not; undefined when the document does not say. */
export function readCordon(document: unknown): string | null | undefined {
  return typeof document === 'string' || document === null ? document : undefined;
}
