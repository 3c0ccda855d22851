import type { Logger } from 'pino';
import { NODE_INSTANCE } from '../../api/instances.ts';
import type { TrackFiles } from '../runtime/track-files.ts';
import type { Part } from './part.ts';

interface TrackFileCleanerDependencies {
  readonly tracks: Pick<TrackFiles, 'instances' | 'isOpen' | 'remove'>;
  /** Names of the instances that keepalived may run. */
  readonly instances: () => readonly string[];
  readonly log: Logger;
}

/**
 * As long as keepalived may take to read a configuration that is said to run: its supervisor says so before it tells keepalived, which goes to
 * FAULT when a gate vanishes that it still looks at.
 */
const READ_MILLIS = 10_000;

/** Removes track files of instances that are gone. */
export class TrackFileCleaner implements Part {
  readonly #dependencies: TrackFileCleanerDependencies;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(dependencies: TrackFileCleanerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Removes those of instances that went while no sidecar ran. */
  async start(): Promise<void> {
    const { tracks, instances } = this.#dependencies;
    const known = new Set(instances());
    const stray = (await tracks.instances()).filter((name) => !known.has(name));
    // Those of the node's own instance stay: so it was before there were others, and its pulse is everybody's.
    this.#removeNow(stray.filter((name) => name !== NODE_INSTANCE));
  }

  /** Leaves the files that were to be removed later to the next start. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /**
   * Removes the files of instances that keepalived does not run any more. A gate is open only of one that goes on under another name; those
   * files stay for a while.
   */
  remove(instances: readonly string[]): void {
    const { tracks } = this.#dependencies;
    const open = instances.filter((name) => tracks.isOpen(name));
    this.#removeNow(instances.filter((name) => !open.includes(name)));
    if (open.length > 0) this.#removeLater(open);
  }

  #removeLater(names: readonly string[]): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const known = new Set(this.#dependencies.instances());
      this.#removeNow(names.filter((name) => !known.has(name)));
    }, READ_MILLIS);
    timer.unref();
    this.#timers.add(timer);
  }

  #removeNow(instances: readonly string[]): void {
    const { tracks, log } = this.#dependencies;
    for (const name of instances) {
      try {
        tracks.remove(name);
      } catch (error) {
        log.warn({ err: error, instance: name }, 'cannot remove track files');
      }
    }
  }
}
