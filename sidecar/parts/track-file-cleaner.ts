import type { Logger } from 'pino';
import { NODE_INSTANCE } from '../../api/instances.ts';
import type { TrackFiles } from '../runtime/track-files.ts';
import type { Part } from './part.ts';

interface TrackFileCleanerDependencies {
  readonly tracks: Pick<TrackFiles, 'instances' | 'remove'>;
  /** Names of the instances that keepalived may run. */
  readonly instances: () => readonly string[];
  readonly log: Logger;
}

/** Removes track files of instances that are gone. */
export class TrackFileCleaner implements Part {
  readonly #dependencies: TrackFileCleanerDependencies;

  constructor(dependencies: TrackFileCleanerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Removes those of instances that went while no sidecar ran. */
  async start(): Promise<void> {
    const { tracks, instances } = this.#dependencies;
    const known = new Set(instances());
    const stray = (await tracks.instances()).filter((name) => !known.has(name));
    // Those of the node's own instance stay: so it was before there were others, and its pulse is everybody's.
    this.remove(stray.filter((name) => name !== NODE_INSTANCE));
  }

  /** Removes the files of instances that keepalived does not run any more. */
  remove(instances: readonly string[]): void {
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
