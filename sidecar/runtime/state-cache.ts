import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { codeOf, messageOf } from '../../common/errors.ts';
import { replaceFile } from '../../common/replace-file.ts';

/** What a cache file is for. */
interface StateCacheOptions<T> {
  readonly path: string;
  /** What a document means; undefined when it is none of this cache's. */
  readonly read: (document: unknown) => T | undefined;
  /** What is known where nothing was kept. */
  readonly none: T;
}

/** No list of nodes and no plan is as long. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Keeps what the API last reported in a file, so that a container that restarts while the API is away has it. */
export class StateCache<T> {
  readonly #options: StateCacheOptions<T>;
  #problem: string | null = null;
  #kept: string | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: StateCacheOptions<T>) {
    this.#options = options;
  }

  /** Why what was kept could not be used; null when it could, where there was nothing, and since another state was kept. */
  get problem(): string | null {
    return this.#problem;
  }

  /** What was kept last; where that cannot be used, `none`, and {@link problem} says why. Never rejects. */
  async load(): Promise<T> {
    const { path, read, none } = this.#options;
    try {
      const text = await readRegularFile(path);
      if (text === undefined) return none;
      const state = read(JSON.parse(text));
      if (state !== undefined) return state;
      this.#problem = `${basename(path)} is damaged: it holds something else`;
    } catch (error) {
      const why = error instanceof SyntaxError ? 'it is not whole' : messageOf(error);
      this.#problem = `${basename(path)} is damaged: ${why}`;
    }
    // A cache that is damaged is worth no more than none.
    return none;
  }

  /** Keeps a state, if it is another than the one that was kept last; atomic. Undefined: nothing. Rejects with the system's error. */
  async save(state: T): Promise<void> {
    const text = state === undefined ? '' : JSON.stringify(state);
    if (text === this.#kept) return;
    this.#kept = text;
    const saving = this.#saving.then(() => this.#write(text));
    this.#saving = saving.catch(() => {
      // It is not kept, then, and worth another try.
      if (this.#kept === text) this.#kept = undefined;
    });
    return saving;
  }

  async #write(text: string): Promise<void> {
    if (text === '') await rm(this.#options.path, { force: true, recursive: true });
    else await replaceFile(this.#options.path, text);
    this.#problem = null;
  }
}

/** Reads a file; undefined when there is none. @throws when something else lies there, or the system's error */
async function readRegularFile(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    // Whatever lies there: opening a FIFO would wait for somebody who writes.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > MAX_BYTES) throw new Error('it is too long');
    return await file.readFile('utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  } finally {
    await file?.close().catch(() => undefined);
  }
}
