import type { TrackFiles } from './runner.ts';

/**
 * The names that instances had. Until keepalived has read a configuration with an instance's new name, the track files of the old one are
 * those that it looks at, so each decision goes to both: one that closes the gate has to take the address off, however long that lasts.
 */
export class FormerNames implements TrackFiles {
  readonly #files: TrackFiles;
  /** By the name of now. */
  readonly #formerly = new Map<string, readonly string[]>();

  constructor(files: TrackFiles) {
    this.#files = files;
  }

  /** An instance goes on under another name, with all those that it had. */
  rename(from: string, to: string): void {
    const before = this.#formerly.get(from) ?? [];
    this.#formerly.delete(from);
    this.#formerly.set(
      to,
      [from, ...before].filter((name) => name !== to),
    );
  }

  /** Names that are no instance's former ones any more: keepalived has let them go, or they are some instance's own. */
  forget(names: Iterable<string>): void {
    const forgotten = new Set(names);
    for (const [name, formerly] of this.#formerly) {
      const left = formerly.filter((each) => !forgotten.has(each));
      if (left.length > 0) this.#formerly.set(name, left);
      else this.#formerly.delete(name);
    }
  }

  /** @throws the system's error, after each of the files was tried */
  writeFitness(instance: string, fitness: { gate: 0 | 1; offset: number }): boolean {
    return this.#each(instance, (name) => this.#files.writeFitness(name, fitness));
  }

  /** @throws the system's error, after each of the files was tried */
  closeGate(instance: string): boolean {
    return this.#each(instance, (name) => this.#files.closeGate(name));
  }

  #each(instance: string, write: (name: string) => boolean): boolean {
    let changed = false;
    const errors: unknown[] = [];
    for (const name of [instance, ...(this.#formerly.get(instance) ?? [])]) {
      try {
        changed = write(name) || changed;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
    return changed;
  }
}
