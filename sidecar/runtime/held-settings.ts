import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256 } from '../../common/digest.ts';
import { messageOf } from '../../common/errors.ts';
import { replaceFile } from '../../common/replace-file.ts';

interface HeldSettingsOptions {
  /** The settings file, in a folder of the node. */
  readonly path: string;
  /** The settings that came with the pod. */
  readonly first: string;
  /** Whether a text can be used as settings. */
  readonly isUsable: (text: string) => boolean;
}

/**
 * The settings file of a pod that brings its settings along. They count until others are put there, and again when the pod is replaced by one
 * with others: what came last, counts.
 */
export class HeldSettings {
  readonly #options: HeldSettingsOptions;

  constructor(options: HeldSettingsOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that there is a file that can be used.
   * @throws Error when it cannot be written
   */
  async prepare(): Promise<void> {
    const { path, first, isUsable } = this.#options;
    const [text, over] = await Promise.all([readOr(path, ''), readOr(this.#marker, '')]);
    if (over === sha256(first) && isUsable(text)) return;
    try {
      await replaceFile(path, first);
      await replaceFile(this.#marker, sha256(first));
    } catch (error) {
      const advice = `on the node, have it belong to the user of the sidecar: chown 65532:65532`;
      throw new Error(`the settings cannot be kept in ${dirname(path)}: ${messageOf(error)}; ${advice}`);
    }
  }

  /**
   * Puts others there; whoever watches the file takes them.
   * @throws the system's error
   */
  async keep(text: string): Promise<void> {
    if ((await readOr(this.#options.path, '')) !== text) await replaceFile(this.#options.path, text);
  }

  /** Says of which settings, that came with a pod, those in the file took the place. */
  get #marker(): string {
    return `${this.#options.path}.over`;
  }
}

function readOr(path: string, otherwise: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => otherwise);
}
