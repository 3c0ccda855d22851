import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { LabEnvironment } from '../environment/lab.ts';
import { monotonicMs } from '../support/clock.ts';
import { trackFile } from '../support/runtime-directory.ts';

/** A gate that was written, at the moment at which it was seen (ms of CLOCK_MONOTONIC). */
export interface GateEvent {
  readonly atMs: number;
  readonly node: string;
  readonly value: number;
}

/** Watches the nodes' gate files as they change. */
export class GateWatch {
  /** What has been seen, in order. */
  readonly events: GateEvent[] = [];
  readonly #watchers: FSWatcher[] = [];

  /** Begins. @throws Error where a node has no directory of gate files yet */
  watch(lab: LabEnvironment): void {
    for (const node of lab.nodes) this.#watchers.push(this.#watch(node, trackFile(lab.runtime(node), 'gate')));
  }

  stop(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #watch(node: string, file: string): FSWatcher {
    return watch(dirname(file), (_, name) => {
      const atMs = monotonicMs();
      if (name === basename(file)) this.events.push({ atMs, node, value: readNumber(file) });
    });
  }
}

function readNumber(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return Number.NaN;
  }
}
