import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface NeighbourTableOptions {
  readonly interfaceName: string;
}

/** An entry that another attempt keeps making again is not chased for ever. */
const MAX_TRIES = 3;
/** One round trip takes half a millisecond; only a hang this. */
const ANSWER_LIMIT_MS = 15_000;

interface Question {
  readonly resolve: (present: boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Forgets neighbour (ARP, ND) entries of the network namespace it runs in, through one long-running `ip`:
 * starting a process for each attempt would cost more than the attempt.
 */
export class NeighbourTable {
  readonly #options: NeighbourTableOptions;
  #ip: ChildProcessWithoutNullStreams | undefined;
  #queue: Promise<void> = Promise.resolve();
  #question: Question | undefined;

  constructor(options: NeighbourTableOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#ip !== undefined) {
      return;
    }
    // -force: "no such entry", the wanted answer, must not end the batch.
    const ip = spawn('ip', ['-force', '-batch', '-']);
    ip.stdout.on('data', () => this.#answer(true));
    ip.stderr.on('data', (chunk: Buffer) => this.#heard(chunk.toString()));
    ip.once('error', (error) => this.#question?.reject(error));
    ip.once('exit', () => this.#question?.reject(new Error('ip ended')));
    this.#ip = ip;
  }

  /**
   * Removes the address's entry and returns when the kernel has confirmed that there is none.
   * Calls are served one after the other. @throws Error when `ip` does not answer.
   */
  forget(address: string): Promise<void> {
    const turn = this.#queue.then(() => this.#remove(address));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #remove(address: string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (!(await this.#flushAndLook(address))) {
        return;
      }
    }
  }

  #flushAndLook(address: string): Promise<boolean> {
    const where = `${address} dev ${this.#options.interfaceName}`;
    return new Promise<boolean>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`ip does not answer about ${where}`)), ANSWER_LIMIT_MS);
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(limit);
          this.#question = undefined;
          settle(value);
        };
      this.#question = { resolve: done(resolve), reject: done(reject) };
      this.#ip?.stdin.write(`neigh flush to ${where}\nneigh get ${where}\n`);
    });
  }

  #heard(text: string): void {
    if (/not found|No such file/i.test(text)) {
      this.#answer(false);
    }
  }

  #answer(present: boolean): void {
    this.#question?.resolve(present);
  }
}
