import { lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DirectoryWatch } from '../../common/directory-watch.ts';
import { messageOf } from '../../common/errors.ts';
import { overwriteFileSync, removeTemporaries, replaceFileSync } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** How often the files are compared besides: what changes them is mostly seen at once. */
const COMPARE_MILLIS = 5000;

/**
 * The two files of each instance that keepalived watches (keepalived.conf(5), "track_file"): its gate, which closes the instance, and its
 * offset, which is added to its priority. They keep saying what was written, whatever others do to them.
 */
export class TrackFiles {
  readonly #path: string;
  /** What the files shall say, by path. */
  readonly #desired = new Map<string, string>();
  /** What they say, as far as this process has written or seen it. */
  readonly #written = new Map<string, string>();
  /** Why files do not say what they shall. */
  readonly #failures = new Map<string, string>();
  #watch: DirectoryWatch | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#path = directory.file('track');
  }

  /** Why what was decided is not in the files; null when it is. */
  get problem(): string | null {
    const [failure] = this.#failures.values();
    return failure === undefined ? null : `what was decided does not reach the track files: ${failure}`;
  }

  /** Makes the files' directory where it is missing, and removes what an earlier process left half done. Rejects with the system's error. */
  async prepare(): Promise<void> {
    await mkdir(this.#path, { recursive: true });
    // Whoever comes first makes it; the other one, another user, must be able to write as well.
    await chmod(this.#path, 0o777).catch(() => undefined);
    await removeTemporaries(this.#path);
  }

  /**
   * Writes the two files of an instance, each only when it changed; returns whether one was written.
   * The offset goes first: a gate must not open on the priority of the past. When the gate closes, it goes first, since it is urgent.
   * Synchronous for the same reason: the directory is memory, and each trip through the thread pool is a millisecond of outage.
   * @throws the system's error; what was to be written is desired all the same
   */
  writeFitness(instance: string, { gate, offset }: { gate: 0 | 1; offset: number }): boolean {
    if (gate === 0) {
      const closed = this.closeGate(instance);
      return this.#write(this.#file(instance, 'offset'), offset) || closed;
    }
    const moved = this.#write(this.#file(instance, 'offset'), offset);
    return this.#write(this.#file(instance, 'gate'), gate) || moved;
  }

  /**
   * Closes an instance's gate and leaves its offset for later, since that is not urgent; returns whether it was open.
   * @throws the system's error; the gate is desired to be closed all the same
   */
  closeGate(instance: string): boolean {
    return this.#write(this.#file(instance, 'gate'), 0);
  }

  /** Whether an instance's gate is to be open. */
  isOpen(instance: string): boolean {
    return this.#desired.get(this.#file(instance, 'gate')) === '1\n';
  }

  /** Removes the files of an instance that keepalived does not run any more. @throws the system's error */
  remove(instance: string): void {
    for (const kind of ['gate', 'offset'] as const) {
      const path = this.#file(instance, kind);
      for (const known of [this.#desired, this.#written, this.#failures]) known.delete(path);
      rmSync(path, { force: true });
    }
  }

  /** Names of the instances that have a gate, by whomever it was written. Never rejects. */
  async instances(): Promise<string[]> {
    const files = await readdir(this.#path).catch(() => []);
    return files.filter((file) => /^[^.].*\.gate$/.test(file)).map((file) => file.slice(0, -'.gate'.length));
  }

  /**
   * Puts files right that say something else than was written, because somebody emptied, changed or removed them, until {@link stop}.
   * @param onRestored called with the paths of those that were put right
   */
  watch(onRestored: (paths: readonly string[]) => void): void {
    this.stop();
    const restore = (name: string | null): void => {
      const restored = this.#restore(name === null ? [...this.#desired.keys()] : [join(this.#path, name)]);
      if (restored.length > 0) onRestored(restored);
    };
    this.#watch = new DirectoryWatch({ path: this.#path }, { onChange: restore });
    this.#watch.start();
    this.#timer = setInterval(() => restore(null), COMPARE_MILLIS);
    this.#timer.unref();
  }

  /** Ends watching; may be called twice, and be followed by another {@link watch}. */
  stop(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    clearInterval(this.#timer);
  }

  #file(instance: string, kind: 'gate' | 'offset'): string {
    return join(this.#path, `${instance}.${kind}`);
  }

  #write(path: string, value: number): boolean {
    const text = `${value}\n`;
    this.#desired.set(path, text);
    if (this.#written.get(path) === text) return false;
    this.#put(path, text);
    return true;
  }

  #put(path: string, text: string): void {
    // What is there is not known while this has not succeeded.
    this.#written.delete(path);
    try {
      putFileSync(path, text);
    } catch (error) {
      this.#failures.set(path, messageOf(error));
      throw error;
    }
    this.#failures.delete(path);
    this.#written.set(path, text);
  }

  /** Writes those of the files anew that say something else than they shall; which they were. */
  #restore(paths: readonly string[]): string[] {
    return paths.filter((path) => {
      const text = this.#desired.get(path);
      if (text === undefined || isAlready(path, text)) return false;
      try {
        this.#put(path, text);
        return true;
      } catch {
        // Shown by `problem`, and tried again.
        return false;
      }
    });
  }
}

function isAlready(path: string, text: string): boolean {
  try {
    // Whatever lies there now: reading a FIFO would wait, and a device may have no end.
    return lstatSync(path).isFile() && readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}

/** Replaces a file; where that is not possible, overwrites it: a gate must close, full file system or not. */
function putFileSync(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    replaceFileSync(path, text);
  } catch (error) {
    try {
      overwriteFileSync(path, text);
    } catch {
      throw error;
    }
  }
}
