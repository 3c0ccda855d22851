import type { ProbeResult } from '../probes/types.ts';

/** Whether a node has several endpoints, and since when. */
interface Count {
  readonly several: boolean;
  readonly sinceMs: number;
}

/** How many endpoints kube-proxy has counted, by the check that asked. */
export class EndpointCounts {
  readonly #monotonicMs: () => number;
  readonly #counts = new Map<string, Count>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Forgets those of other checks. */
  keepOnly(keys: Pick<ReadonlyMap<string, unknown>, 'has'>): void {
    for (const key of this.#counts.keys()) {
      if (!keys.has(key)) this.#counts.delete(key);
    }
  }

  /**
   * Takes note of what a check found.
   * @returns whether there are several now and were not before, or the other way round
   */
  note(key: string, { endpoints }: Pick<ProbeResult, 'endpoints'>): boolean {
    if (endpoints === undefined) return false;
    const several = endpoints > 1;
    if (this.#counts.get(key)?.several === several) return false;
    this.#counts.set(key, { several, sinceMs: this.#monotonicMs() });
    return true;
  }

  /** What is known by a check; undefined: nothing. */
  get(key: string): Count | undefined {
    return this.#counts.get(key);
  }
}
