import { type BulkheadPolicy, bulkhead } from 'cockatiel';
import type { Term } from '../election/leader-elector.ts';
import { few } from '../text/sentences.ts';
import type { PendingWrite, PlannedCluster, Stage } from './stage.ts';

/** Takes note of writes. */
export interface WriteReports {
  /** @param stage its name */
  wrote(stage: string, name: string): void;
  writeFailed(stage: string, name: string, error: unknown): void;
}

/** Some objects could not be written; each was reported for itself. */
export class WriteError extends Error {
  readonly code = 'WRITES_FAILED';

  constructor(names: readonly string[]) {
    super(`not written: ${few(names)}`);
    this.name = 'WriteError';
  }
}

const WRITES_AT_ONCE = 20;

/** Makes the stored objects those of a plan, stage by stage. */
export class StageRunner<Seen = PlannedCluster> {
  readonly #stages: readonly Stage<Seen>[];
  readonly #reports: WriteReports;
  readonly #limit: BulkheadPolicy = bulkhead(WRITES_AT_ONCE, Number.POSITIVE_INFINITY);
  #begun = 0;

  /** @param stages in the order in which they write */
  constructor(stages: readonly Stage<Seen>[], dependencies: { readonly reports: WriteReports }) {
    this.#stages = stages;
    this.#reports = dependencies.reports;
  }

  /** How many writes were begun: as long as there is none more, nothing is otherwise than it was seen. */
  get begun(): number {
    return this.#begun;
  }

  /**
   * Writes what the stages find to do, one stage after the other. Within a stage all goes on when one object fails; the next stage is not
   * begun then, because it may rest on what failed.
   * @returns when more is due by time alone, by the monotonic clock; undefined: never
   * @throws {WriteError} when something could not be written. A term that ended is no error: the next leader goes on
   */
  async run(cluster: Seen, term: Term): Promise<number | undefined> {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const stage of this.#stages) {
      const { writes, reviewAtMs = Number.POSITIVE_INFINITY } = stage.decide(cluster);
      dueMs = Math.min(dueMs, reviewAtMs);
      await this.#writeAll(stage.name, writes, term);
    }
    return Number.isFinite(dueMs) ? dueMs : undefined;
  }

  async #writeAll(stage: string, writes: readonly PendingWrite[], term: Term): Promise<void> {
    const attempts = writes.map((each) => this.#limit.execute(() => this.#attempt(stage, each, term)));
    const failed = (await Promise.all(attempts)).filter((failure) => failure !== undefined);
    if (failed.length > 0) throw new WriteError(failed);
  }

  /** Writes while the term lasts. @returns what failed, for the sum of it */
  async #attempt(stage: string, { name, write }: PendingWrite, term: Term): Promise<string | undefined> {
    if (!term.holds()) return undefined;
    this.#begun += 1;
    try {
      await write();
      this.#reports.wrote(stage, name);
      return undefined;
    } catch (error) {
      this.#reports.writeFailed(stage, name, error);
      return `${stage} ${name}`;
    }
  }
}
