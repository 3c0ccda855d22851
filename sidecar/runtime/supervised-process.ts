import { constants } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { sha256 } from '../../common/digest.ts';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** What is exchanged with the supervisor of one process: names of files in the shared directory, and how its status is read. */
export interface ProcessExchange<Status> {
  /** The configuration that is offered to it. */
  readonly candidate: string;
  /** FIFO; a line in it makes the supervisor check at once what is there for it. */
  readonly request: string;
  /** What the supervisor reports. */
  readonly status: string;
  /** The process' own counters, as it wrote them last. */
  readonly statistics: string;
  /** Made to ask for the statistics. */
  readonly statisticsWanted: string;
  /** Made to ask for the states of what the process runs; the status has them then. */
  readonly statesWanted: string;
  /** Reads the status file; never fails. */
  readonly parseStatus: (text: string) => Status;
}

/**
 * The sidecar's end of the exchange with a process that a supervisor runs in the other container. Nothing here waits for the supervisor: it
 * may not run yet. All methods reject with the system's error.
 */
export class SupervisedProcess<Status> {
  readonly #directory: Pick<SharedDirectory, 'file'>;
  readonly #exchange: ProcessExchange<Status>;
  /** Digest of the candidate that was offered last: its text can be long. */
  #offered: string | undefined;

  constructor(exchange: ProcessExchange<Status>, { directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#exchange = exchange;
    this.#directory = directory;
  }

  /** Offers a configuration, unless it is the one offered last; whether it was offered. */
  async offer(configuration: string): Promise<boolean> {
    const digest = sha256(configuration);
    if (this.#offered === digest) return false;
    await replaceFile(this.#file('candidate'), configuration);
    this.#offered = digest;
    await this.#wake();
    return true;
  }

  /** What the supervisor last reported; undefined before its first report. */
  async readStatus(): Promise<Status | undefined> {
    const text = await readFile(this.#file('status'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : this.#exchange.parseStatus(text);
  }

  /** Asks for the process' statistics; they can be read when they are asked for the next time. */
  async requestStatistics(): Promise<void> {
    await writeFile(this.#file('statisticsWanted'), '');
    await this.#wake();
  }

  /** The process' statistics as it wrote them last; empty before it wrote any. */
  async readStatistics(): Promise<string> {
    return readFile(this.#file('statistics'), 'utf8').catch(() => '');
  }

  /** Asks for the states of all instances, which the supervisor's status then has; it puts right what does not fit them. */
  async requestStates(): Promise<void> {
    await writeFile(this.#file('statesWanted'), '');
    await this.#wake();
  }

  #file(which: Exclude<keyof ProcessExchange<Status>, 'parseStatus'>): string {
    return this.#directory.file(this.#exchange[which]);
  }

  async #wake(): Promise<void> {
    try {
      const fifo = await open(this.#file('request'), constants.O_WRONLY | constants.O_NONBLOCK);
      await fifo.write('candidate\n').finally(() => fifo.close());
    } catch (error) {
      // No supervisor yet: it checks for a candidate when it starts, and now and then besides.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'ENXIO' && code !== 'EAGAIN') throw error;
    }
  }
}
