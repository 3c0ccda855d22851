import type { Logger } from 'pino';
import { systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import type { Part } from './part.ts';

/** When a file that could not be written is tried again. */
const RETRY_MS = 1000;

interface AskedFileDependencies<T> {
  /** What the supervisor is to be asked for now; undefined while that is not known, and then nothing is done. */
  readonly desired: () => T | undefined;
  /** Resolves with whether that is another thing than before. */
  readonly file: { write(desired: T): Promise<boolean> };
  /** Has the supervisor look. */
  readonly wake: () => Promise<void>;
  /** The supervisor was asked for something else than before. */
  readonly onAsked: (desired: T) => void;
  /** What the supervisor cannot be told, for the log. */
  readonly what: string;
  readonly log: Logger;
  readonly timers?: Timers | undefined;
}

/** A file in which the supervisor is asked for something. It stays when this ends, over a restart of this process. */
export class AskedFile<T> implements Part {
  readonly #dependencies: AskedFileDependencies<T> & { readonly timers: Timers };
  #started = false;
  #retry: TimerHandle;
  #writing: Promise<void> = Promise.resolve();

  constructor(dependencies: AskedFileDependencies<T>) {
    this.#dependencies = { ...dependencies, timers: dependencies.timers ?? systemTimers };
  }

  get started(): boolean {
    return this.#started;
  }

  start(): Promise<void> {
    this.#started = true;
    return this.review();
  }

  stop(): void {
    this.#started = false;
    this.#dependencies.timers.clearTimeout(this.#retry);
  }

  /** Looks at what is to be asked for now. Never rejects. */
  review(): Promise<void> {
    // One after the other: the last word must be the newest.
    this.#writing = this.#writing.then(() => this.#reconcile());
    return this.#writing;
  }

  async #reconcile(): Promise<void> {
    if (!this.#started) return;
    const { file, wake, onAsked, what, log, timers } = this.#dependencies;
    const desired = this.#dependencies.desired();
    if (desired === undefined) return;
    timers.clearTimeout(this.#retry);
    try {
      if (!(await file.write(desired))) return;
      await wake();
    } catch (error) {
      log.error({ err: error }, `cannot tell the supervisor ${what}; trying again`);
      this.#retry = timers.setTimeout(() => void this.review(), RETRY_MS);
      return;
    }
    onAsked(desired);
  }
}
