import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../scripts/support/replace-file.ts';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { say } from './print.ts';

/** Two commands that change the same state take turns; a turn that takes longer is stuck. */
const LOCK_LIMIT_MS = 60_000;

/** What one command leaves for the next, as a JSON file that is always whole. */
export class StateFile<T extends object> {
  readonly #file: string;
  readonly #subject: string;
  readonly #lockLimitMs: number;

  /**
   * @param file path of the file; its directory is made by someone else
   * @param subject what it describes, for error messages: `lab`
   * @param lockLimitMs how long a change waits for another's
   */
  constructor(file: string, subject: string, lockLimitMs = LOCK_LIMIT_MS) {
    this.#file = file;
    this.#subject = subject;
    this.#lockLimitMs = lockLimitMs;
  }

  exists(): boolean {
    return existsSync(this.#file);
  }

  /** @throws Error that names the command that makes one. */
  read(): T {
    if (!this.exists()) {
      throw new Error(`there is no ${this.#subject}: start one with \`up\``);
    }
    return JSON.parse(readFileSync(this.#file, 'utf8')) as T;
  }

  /** Replaces the state in one step. */
  async write(state: T): Promise<void> {
    await replaceFile(this.#file, JSON.stringify(state, undefined, 2), 0o600);
  }

  /** Reads the state, lets `change` work on what it describes, and writes what it returns; other commands' changes wait meanwhile. */
  async change(change: (state: T) => Promise<T>): Promise<void> {
    await this.exchange(async (state) => [await change(state), undefined]);
  }

  /** The same, and gives what `change` gives besides. */
  async exchange<R>(change: (state: T) => Promise<readonly [T, R]>): Promise<R> {
    this.read();
    const lock = join(dirname(this.#file), 'lock');
    const work = async () => {
      const [state, result] = await change(this.read());
      await this.write(state);
      return result;
    };
    return withLock(lock, this.#lockLimitMs / 1000, say, work, `changing the ${this.#subject}`);
  }
}
