import { readFile, rename, writeFile } from 'node:fs/promises';

/** Keeps the order of nodes that the API last told, so that a container that restarts while the API is away has it. */
export class NodeOrderCache {
  readonly #path: string;

  constructor(options: { path: string }) {
    this.#path = options.path;
  }

  /** The order kept last; empty when there is none or it cannot be read. */
  async load(): Promise<string[]> {
    try {
      const parsed: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      return Array.isArray(parsed) ? parsed.filter((name) => typeof name === 'string') : [];
    } catch {
      // A cache that is gone or damaged is worth no more than none.
      return [];
    }
  }

  /** Keeps an order; atomic. */
  async save(nodes: readonly string[]): Promise<void> {
    const temporary = `${this.#path}.new`;
    await writeFile(temporary, JSON.stringify(nodes));
    await rename(temporary, this.#path);
  }
}
