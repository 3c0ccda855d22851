import { decideFitness, type Fitness, type FitnessInput } from './fitness.ts';

interface FitnessDependencies {
  /** Collects everything that the decision rests on, as it is now. */
  readonly collect: (nowMs: number) => FitnessInput;
  /** Puts a decision into effect; what it throws is reported by `onError`, and it is tried again. */
  readonly apply: (fitness: Fitness) => void;
  /** Called when band, gate or priority changed. */
  readonly onChange: (fitness: Fitness, previous: Fitness | undefined) => void;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

const RETRY_MILLIS = 200;

/** Decides anew whenever something changed or time alone changes the decision, and puts each decision into effect. */
export class FitnessController {
  readonly #dependencies: FitnessDependencies;
  #fitness: Fitness | undefined;
  #timer: NodeJS.Timeout | undefined;
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
    // First of all: what follows can wait, the clients cannot.
    const applied = this.#apply(fitness);
    const reviewAtMs = applied ? fitness.reviewAtMs : nowMs + RETRY_MILLIS;
    if (reviewAtMs !== undefined) this.#timer = setTimeout(() => this.review(), Math.max(1, reviewAtMs - nowMs));
    if (differs(fitness, previous)) this.#dependencies.onChange(fitness, previous);
  }

  /** Ends deciding; what was written stays. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #apply(fitness: Fitness): boolean {
    try {
      this.#dependencies.apply(fitness);
      return true;
    } catch (error) {
      this.#dependencies.onError(error);
      return false;
    }
  }
}

function differs(a: Fitness, b: Fitness | undefined): boolean {
  return b === undefined || a.band !== b.band || a.gate !== b.gate || a.priority !== b.priority;
}
