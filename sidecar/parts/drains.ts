import type { Logger } from 'pino';
import { Drain } from '../fitness/drain.ts';
import type { DrainFiles } from '../runtime/drain-files.ts';
import type { Part } from './part.ts';

/** Why the node drains while the file is there that asks for it. */
const REQUESTED = 'requested';

interface DrainsDependencies {
  readonly files: DrainFiles;
  /** Whether this node holds an address now. */
  readonly holder: () => boolean;
  /** Within which the addresses are to be gone. */
  readonly timeoutSeconds: () => number;
  /** Called when draining begins or ends, before that is logged. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Why the node drains, and the answer to a request by file. */
export class Drains implements Part {
  /** Answers a request that was there at the start: a part of its own, since no address moves before checks run. */
  readonly firstAnswer: Part = { start: () => this.#answerFirst() };
  readonly #dependencies: DrainsDependencies;
  readonly #drain: Drain;
  #requestedBefore = false;

  constructor(dependencies: DrainsDependencies) {
    const { holder, onChange, log } = dependencies;
    this.#dependencies = dependencies;
    this.#drain = new Drain({
      holder,
      onChange: (draining) => {
        onChange();
        log.info({ draining, reasons: this.reasons }, draining ? 'draining' : 'no longer draining');
      },
    });
  }

  get draining(): boolean {
    return this.#drain.draining;
  }

  /** Why the pod drains by itself, in words; empty when it doesn't. */
  get reasons(): readonly string[] {
    return this.#drain.reasons;
  }

  /** Drains from the first decision on when that is asked for already. */
  async start(): Promise<void> {
    this.#requestedBefore = await this.#dependencies.files.requested();
    if (this.#requestedBefore) this.#drain.begin(REQUESTED);
  }

  /** Checks whether draining is asked for, and does it. Rejects with the system's error. */
  async checkRequest(): Promise<void> {
    const { files } = this.#dependencies;
    if (!(await files.requested())) {
      this.#drain.end(REQUESTED);
      await files.removeAnswer();
      return;
    }
    if (!this.reasons.includes(REQUESTED)) await this.#drainAndAnswer();
  }

  /** Moves every address away that is here, within the settings' limit. */
  async drain(reason: string): Promise<void> {
    const { timeoutSeconds, log } = this.#dependencies;
    this.#drain.begin(reason);
    const outcome = await this.#drain.waitUntilMoved(timeoutSeconds());
    log.info({ outcome }, 'drained');
  }

  async #answerFirst(): Promise<void> {
    if (this.#requestedBefore) await this.#drainAndAnswer();
  }

  async #drainAndAnswer(): Promise<void> {
    const { files, holder, log } = this.#dependencies;
    await this.drain(REQUESTED);
    const answer = holder() ? 'limit reached, the address is still here' : 'moved';
    await files.answer(answer).catch((error: unknown) => {
      log.error({ err: error, answer }, 'cannot answer the request to drain');
    });
  }
}
