import type { Logger } from 'pino';
import type { Runtime } from '../runtime/runtime.ts';
import type { Part } from './part.ts';

interface SharedFilesDependencies {
  readonly runtime: Pick<Runtime, 'directory' | 'tracks' | 'drains'>;
  /** What is to be done when a file of the shared directory changes, by its name. */
  readonly onChange: Readonly<Record<string, () => Promise<void>>>;
  readonly log: Logger;
}

/** The directory that is shared with the other container: made ready, and followed. */
export class SharedFiles implements Part {
  readonly #dependencies: SharedFilesDependencies;

  constructor(dependencies: SharedFilesDependencies) {
    this.#dependencies = dependencies;
  }

  /** Rejects with the system's error. */
  async start(): Promise<void> {
    const { runtime, onChange, log } = this.#dependencies;
    await runtime.directory.prepare();
    await runtime.tracks.prepare();
    await runtime.drains.removeAnswer();
    runtime.directory.watch((name) => {
      onChange[name]?.().catch((error: unknown) => log.error({ err: error, file: name }, 'cannot follow a change'));
    });
    runtime.tracks.watch((files) =>
      log.warn({ files }, 'track files said something else than was decided; written anew'),
    );
  }

  stop(): void {
    this.#dependencies.runtime.directory.stop();
    this.#dependencies.runtime.tracks.stop();
  }
}
