import { decideFitness, type Fitness, type FitnessInput } from './fitness.ts';

interface FitnessDependencies {
  /** Collects everything that the decision rests on, as it is now. */
  readonly collect: (nowMs: number) => FitnessInput;
  /** Puts a decision into effect; its errors are reported by `onError`, and it is tried again. */
  readonly apply: (fitness: Fitness) => Promise<void>;
  /** Called when band, gate or priority changed. */
  readonly onChange: (fitness: Fitness, previous: Fitness | undefined) => void;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

const RETRY_MILLIS = 200;

/** Decides anew whenever something changed or time alone changes the decision, and puts decisions into effect in their order. */
export class FitnessController {
  readonly #dependencies: FitnessDependencies;
  #fitness: Fitness | undefined;
  #timer: NodeJS.Timeout | undefined;
  #applying: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(dependencies: FitnessDependencies) {
    this.#dependencies = dependencies;
  }

  /** The last decision; undefined before the first. */
  get fitness(): Fitness | undefined {
    return this.#fitness;
  }

  /** Decides now. Call it after every change of what {@link FitnessDependencies.collect} collects. */
  review(): void {
    if (this.#stopped) return;
    const nowMs = this.#dependencies.now();
    const previous = this.#fitness;
    const fitness = decideFitness(this.#dependencies.collect(nowMs), previous);
    clearTimeout(this.#timer);
    if (fitness === undefined) return;
    this.#fitness = fitness;
    if (fitness.reviewAtMs !== undefined) {
      this.#timer = setTimeout(() => this.review(), Math.max(1, fitness.reviewAtMs - nowMs));
    }
    this.#enqueue();
    if (differs(fitness, previous)) this.#dependencies.onChange(fitness, previous);
  }

  /** Resolves when every decision so far is in effect. */
  async settled(): Promise<void> {
    await this.#applying;
  }

  /** Ends deciding; what was written stays. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #enqueue(): void {
    // Always the newest decision: what was decided while a write was under way replaces what waited for it.
    this.#applying = this.#applying.then(async () => {
      const fitness = this.#fitness;
      if (fitness === undefined) return;
      try {
        await this.#dependencies.apply(fitness);
      } catch (error) {
        this.#dependencies.onError(error);
        setTimeout(() => this.review(), RETRY_MILLIS).unref();
      }
    });
  }
}

function differs(a: Fitness, b: Fitness | undefined): boolean {
  return b === undefined || a.band !== b.band || a.gate !== b.gate || a.priority !== b.priority;
}
