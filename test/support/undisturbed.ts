import type { StallWatch } from '../support/stalls.ts';

/** A run that was disturbed is repeated so often; then it counts as it is. */
export const MOST_REPEATS = 10;
/** A standstill makes adverts late, and so can be the cause of what follows within some intervals of them. */
const AFTERMATH_MS = 500;

/** A time without service, or the moment of a move where none should be, in milliseconds of CLOCK_MONOTONIC. */
interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A run, and what went wrong in it: when clients were without service, and when an address moved that should stay. */
export interface WatchedRun<T> {
  readonly run: T;
  readonly failings: readonly Window[];
}

/** Runs with a failing during which, or shortly before which, the machine stood still are not counted but repeated, however short it was. */
export class UndisturbedRuns {
  readonly #watch: Pick<StallWatch, 'longestDuring'>;
  readonly #say: (line: string) => void;
  #repeated = 0;

  constructor(watch: Pick<StallWatch, 'longestDuring'>, say: (line: string) => void) {
    this.#watch = watch;
    this.#say = say;
  }

  /** How many runs were repeated so far. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Runs until no standstill fell into what went wrong, but not for ever; gives what the last one gave. */
  async run<T>(what: string, once: () => Promise<WatchedRun<T>>): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      const { run, failings } = await once();
      const stalls = failings.map(({ fromMs, toMs }) => this.#watch.longestDuring(fromMs - AFTERMATH_MS, toMs));
      const stallMs = Math.max(0, ...stalls);
      if (stallMs === 0) return run;
      const outageMs = Math.max(...failings.map(({ fromMs, toMs }) => toMs - fromMs));
      const failing = outageMs > 0 ? `outage ${outageMs.toFixed(0)} ms` : 'a move';
      const then = repeats < MOST_REPEATS ? 'once more' : 'it counts all the same: no quieter moment came';
      const found = `${failing}, the machine gave a core no time for ${stallMs.toFixed(0)} ms`;
      this.#say(`${what}: ${found}; ${then}`);
      if (repeats >= MOST_REPEATS) return run;
      this.#repeated += 1;
    }
  }

  /**
   * Runs a case as often as it wants, and says a line of each run.
   * @param measured gets the case with its first run, which further ones are added to: what was measured before a failure is not lost
   * @param once gets how many runs there are already
   */
  async series<Case extends { readonly title: string; readonly runs: number }, T>(
    of: Case,
    measured: { readonly of: Case; readonly runs: readonly T[] }[],
    once: (run: number) => Promise<WatchedRun<T>>,
    line: (run: T, number: string) => string,
  ): Promise<void> {
    const runs: T[] = [];
    while (runs.length < of.runs) {
      const number = `${runs.length + 1}/${of.runs}`;
      const run = await this.run(`${of.title} ${number}`, () => once(runs.length));
      if (runs.length === 0) measured.push({ of, runs });
      runs.push(run);
      this.#say(line(run, number));
    }
  }
}
