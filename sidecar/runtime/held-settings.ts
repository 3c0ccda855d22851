import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../../common/digest.ts';
import { messageOf } from '../../common/errors.ts';
import { replaceFile } from '../../common/replace-file.ts';

interface HeldSettingsOptions {
  /** The settings file, in a folder of the node. */
  readonly path: string;
  /** Where the file is put while that folder cannot be written: in memory, for as long as the pod is there. */
  readonly otherwise: string;
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
  #path: string;
  #problem: string | null = null;

  constructor(options: HeldSettingsOptions) {
    this.#options = options;
    this.#path = options.path;
  }

  /** Where the file is. */
  get path(): string {
    return this.#path;
  }

  /** Why nothing is kept on the node; null when it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Makes sure that there is a file that can be used.
   * @throws the system's error when it cannot even be put in memory
   */
  async prepare(): Promise<void> {
    const { path, otherwise } = this.#options;
    try {
      await this.#prepareAt(path);
    } catch (error) {
      const advice = 'have the folder of the node belong to the sidecar’s user: chown 65532:65532';
      this.#problem = `nothing is kept in ${dirname(path)}: ${messageOf(error)}; ${advice}`;
      await mkdir(otherwise, { recursive: true });
      await this.#prepareAt(join(otherwise, basename(path)));
    }
  }

  async #prepareAt(path: string): Promise<void> {
    const { first, isUsable } = this.#options;
    this.#path = path;
    // Says of which settings, that came with a pod, those in the file took the place.
    const marker = `${path}.over`;
    const [text, over] = await Promise.all([readOr(path, ''), readOr(marker, '')]);
    if (over === sha256(first) && isUsable(text)) return;
    await replaceFile(path, first);
    await replaceFile(marker, sha256(first));
  }

  /**
   * Puts others there; whoever watches the file takes them.
   * @throws the system's error
   */
  async keep(text: string): Promise<void> {
    if ((await readOr(this.#path, '')) !== text) await replaceFile(this.#path, text);
  }
}

function readOr(path: string, otherwise: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => otherwise);
}
