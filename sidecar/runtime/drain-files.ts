import { access, rm } from 'node:fs/promises';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** The file that asks the pod to drain: made by the supervisor's preStop hook, or by whoever has the node give its addresses away. */
export const DRAIN_REQUEST = 'drain';
const DRAIN_ANSWER = 'drained';

/** A request to drain, and its answer, as files in the shared directory. All methods but {@link requested} reject with the system's error. */
export class DrainFiles {
  readonly #request: string;
  readonly #answer: string;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#request = directory.file(DRAIN_REQUEST);
    this.#answer = directory.file(DRAIN_ANSWER);
  }

  /** Whether the pod is asked to drain. */
  async requested(): Promise<boolean> {
    return access(this.#request).then(
      () => true,
      () => false,
    );
  }

  /** Answers the request. */
  async answer(text: string): Promise<void> {
    await replaceFile(this.#answer, `${text}\n`);
  }

  /** Takes the answer back: the request is gone, or the answer was to an earlier one. */
  async removeAnswer(): Promise<void> {
    await rm(this.#answer, { force: true });
  }
}
