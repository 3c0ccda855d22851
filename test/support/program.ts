import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type WaitOptions, waitFor } from './wait.ts';

/** As much of what a program said is kept. */
const KEPT_CHARACTERS = 20_000;
/** A program's last words come within this time after its end; children of its own may hold its output open for longer. */
const LAST_WORDS_MS = 500;
/** Who does not follow a signal within this time is killed. */
const STOP_LIMIT_MS = 10_000;

/**
 * A program that a test has started: what it says is kept, and who waits for something of it hears at once that it ended, and why.
 * Start it with its output piped.
 */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  /** How it ended, in words; undefined while it runs. */
  #end: string | undefined;
  #output = '';
  readonly #closed: Promise<number | null>;

  /** @param name as a failure shall call it */
  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_CHARACTERS);
      });
    }
    child.once('error', (error) => {
      this.#end ??= `could not be started: ${error.message}`;
    });
    child.once('exit', (code, signal) => {
      this.#end ??= `ended (${signal ?? `exit ${code}`})`;
    });
    this.#closed = new Promise((resolve) => {
      child.once('error', () => resolve(null));
      child.once('close', resolve);
    });
  }

  /** Its process id. @throws Error when it could not be started */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} does not run`);
    return this.#child.pid;
  }

  /** What it has said so far, on standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** Its exit code when it has ended and said its last word; null when a signal ended it. */
  get closed(): Promise<number | null> {
    return this.#closed;
  }

  /**
   * Waits for something that the program does.
   * @param what in words, as in "waiting for …"
   * @throws Error with the program's last words when it ends before, or when the limit is over
   */
  async until<T>(
    what: string,
    condition: () => T | undefined | false | Promise<T | undefined | false>,
    options: WaitOptions = {},
  ): Promise<T> {
    const lookOrThrow = async (): Promise<T | undefined | false> => {
      const found = await condition();
      if (this.#end === undefined || (found !== undefined && found !== false)) return found;
      await Promise.race([this.#closed, delay(LAST_WORDS_MS)]);
      throw new Error(`${this.#name} ${this.#end} before ${what}; its last words:\n${this.#output.trim()}`);
    };
    return waitFor(what, lookOrThrow, options, () => `${this.#name} runs; its last words:\n${this.#output.trim()}`);
  }

  /**
   * Waits until an expectation of the test holds.
   * @throws Error with what it said last when it does not in time, or with the program's last words when that ends before
   */
  async untilHolds(expectation: () => void, options: WaitOptions = {}): Promise<void> {
    let failure: unknown;
    const holds = (): boolean => {
      try {
        expectation();
        return true;
      } catch (error) {
        failure = error;
        return false;
      }
    };
    await this.until('what is expected of it', holds, options).catch((error: Error) => {
      throw new Error(`${String(failure)}\n${error.message}`, { cause: failure });
    });
  }

  /** Ends it if it runs, and waits for its end; kills it when it does not follow within ten seconds. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#end !== undefined) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    this.#child.kill(signal);
    await this.#closed;
    clearTimeout(timer);
  }
}
