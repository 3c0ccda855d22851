import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { sha256 } from '../../common/digest.ts';
import { codeOf } from '../../common/errors.ts';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** How a process is given configurations by its supervisor: names of files in the shared directory, and how its status is read. */
export interface ConfigurationExchange<Status> {
  /** The configuration that is offered to it. */
  readonly candidate: string;
  /** FIFO; a line in it makes the supervisor check at once what is there for it. */
  readonly request: string;
  /** What the supervisor reports. */
  readonly status: string;
  /** Reads the status file; never fails. */
  readonly parseStatus: (text: string) => Status;
}

/**
 * The sidecar's end of the exchange with a process that a supervisor runs in another container. Nothing here waits for the supervisor: it
 * may not run yet. All methods reject with the system's error.
 */
export class ConfiguredProcess<Status> {
  readonly #directory: Pick<SharedDirectory, 'file'>;
  readonly #exchange: ConfigurationExchange<Status>;
  /** Digest of the candidate that was offered last: its text can be long. */
  #offered: string | undefined;

  constructor(exchange: ConfigurationExchange<Status>, { directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#exchange = exchange;
    this.#directory = directory;
  }

  /** Offers a configuration, unless it is the one offered last; whether it was offered. */
  async offer(configuration: string): Promise<boolean> {
    const digest = sha256(configuration);
    if (this.#offered === digest) return false;
    await replaceFile(this.#directory.file(this.#exchange.candidate), configuration);
    this.#offered = digest;
    await this.wake();
    return true;
  }

  /** What the supervisor last reported; undefined before its first report. */
  async readStatus(): Promise<Status | undefined> {
    const text = await readFile(this.#directory.file(this.#exchange.status), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : this.#exchange.parseStatus(text);
  }

  /** Wakes the supervisor, which otherwise polls its files every few seconds. */
  async wake(): Promise<void> {
    try {
      const path = this.#directory.file(this.#exchange.request);
      const fifo = await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
      await fifo.write('candidate\n').finally(() => fifo.close());
    } catch (error) {
      // No supervisor yet: it checks for a candidate when it starts, and now and then besides.
      const code = codeOf(error);
      if (code !== 'ENOENT' && code !== 'ENXIO' && code !== 'EAGAIN') throw error;
    }
  }
}
