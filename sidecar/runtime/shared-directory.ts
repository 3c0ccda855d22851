import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryWatch } from '../../common/directory-watch.ts';
import { removeTemporaries } from '../../common/replace-file.ts';

/** The directory that both containers of the pod share. What its files are for is said by those who read and write them. */
export class SharedDirectory {
  readonly path: string;
  #watch: DirectoryWatch | undefined;

  constructor(options: { path: string }) {
    this.path = options.path;
  }

  /** Path of one of its files. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Makes the directory where it is missing, and removes what an earlier process left half done. Rejects with the system's error. */
  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true });
    await removeTemporaries(this.path);
  }

  /** Calls back with the name of each file that changes in the directory itself, until {@link stop}; hidden ones are nobody's business. */
  watch(onChange: (name: string) => void): void {
    this.stop();
    this.#watch = new DirectoryWatch(
      { path: this.path },
      {
        onChange: (name) => {
          if (name !== null && !name.startsWith('.')) onChange(name);
        },
      },
    );
    this.#watch.start();
  }

  /** Ends watching; may be called twice, and be followed by another {@link watch}. */
  stop(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }
}
