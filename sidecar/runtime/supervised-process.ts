import { readFile, writeFile } from 'node:fs/promises';
import { type ConfigurationExchange, ConfiguredProcess } from './configured-process.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** What is exchanged with the supervisor of a process that can also be asked, by files, for its statistics and states. */
export interface ProcessExchange<Status> extends ConfigurationExchange<Status> {
  /** The process' own counters, as it wrote them last. */
  readonly statistics: string;
  /** Made to ask for the statistics. */
  readonly statisticsRequest: string;
  /** Made to ask for the states of what the process runs; the status has them then. */
  readonly statesRequest: string;
}

/**
 * The sidecar's end of the exchange with a process that is asked, by files, for its statistics and states. All methods reject with the
 * system's error.
 */
export class SupervisedProcess<Status> extends ConfiguredProcess<Status> {
  readonly #statistics: string;
  readonly #statisticsRequest: string;
  readonly #statesRequest: string;

  constructor(exchange: ProcessExchange<Status>, options: { directory: Pick<SharedDirectory, 'file'> }) {
    super(exchange, options);
    this.#statistics = options.directory.file(exchange.statistics);
    this.#statisticsRequest = options.directory.file(exchange.statisticsRequest);
    this.#statesRequest = options.directory.file(exchange.statesRequest);
  }

  /** Asks for the process' statistics; they can be read when they are asked for the next time. */
  async requestStatistics(): Promise<void> {
    await writeFile(this.#statisticsRequest, '');
    await this.wake();
  }

  /** The process' statistics as it wrote them last; empty before it wrote any. */
  async readStatistics(): Promise<string> {
    return readFile(this.#statistics, 'utf8').catch(() => '');
  }

  /** Asks for the states of all instances, which the supervisor's status then has; it puts right what does not fit them. */
  async requestStates(): Promise<void> {
    await writeFile(this.#statesRequest, '');
    await this.wake();
  }
}
