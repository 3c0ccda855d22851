import { decideFitness, type Fitness, type FitnessInput } from './fitness.ts';

interface FitnessDependencies {
  /** Collects everything that the decision rests on, as it is now. */
  readonly collect: (nowMs: number) => FitnessInput;
  /** Closes the gate and no more, where {@link FitnessDependencies.apply} does more than that; may throw, `apply` does it again then. */
  readonly closeGate?: () => void;
  /** Puts a decision into effect; what it throws is reported by `onError`, and it is tried again. */
  readonly apply: (fitness: Fitness) => void;
  /** Called when band, gate or priority changed. */
  readonly onChange: (fitness: Fitness, previous: Fitness | undefined) => void;
  /** Called when a decision could not be put into effect, once until one could. */
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
}

const RETRY_MILLIS = 200;

/** Decides anew whenever something changed or time alone changes the decision, and puts each decision into effect. */
export class FitnessController {
  readonly #dependencies: FitnessDependencies;
  /** A decision made elsewhere for the same reasons. */
  readonly #inherited: Fitness | undefined;
  #fitness: Fitness | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #failing = false;

  /** @param options.inherited a decision for the same reasons: the first one here counts its delays from where that one did */
  constructor(dependencies: FitnessDependencies, options: { readonly inherited?: Fitness | undefined } = {}) {
    this.#dependencies = dependencies;
    this.#inherited = options.inherited;
  }

  /** The last decision; undefined before the first. */
  get fitness(): Fitness | undefined {
    return this.#fitness;
  }

  /** Decides now. Call it after every change of what {@link FitnessDependencies.collect} collects. */
  review(): void {
    this.begin()?.();
  }

  /** Decides now, and closes the gate if that is decided. @returns does the rest; for many at once see {@link reviewAll} */
  begin(): (() => void) | undefined {
    if (this.#stopped) return undefined;
    const nowMs = this.#dependencies.now();
    const previous = this.#fitness;
    const fitness = decideFitness(this.#dependencies.collect(nowMs), previous ?? this.#inherited);
    clearTimeout(this.#timer);
    if (fitness === undefined) return undefined;
    this.#fitness = fitness;
    // First of all: what follows can wait, the clients cannot.
    if (fitness.gate === 0) this.#closeGate();
    return () => this.#finish(fitness, previous, nowMs);
  }

  /** Ends deciding; what was written stays. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #finish(fitness: Fitness, previous: Fitness | undefined, nowMs: number): void {
    const applied = this.#apply(fitness);
    const reviewAtMs = applied ? fitness.reviewAtMs : nowMs + RETRY_MILLIS;
    if (reviewAtMs !== undefined) this.#timer = setTimeout(() => this.review(), Math.max(1, reviewAtMs - nowMs));
    if (differs(fitness, previous)) this.#dependencies.onChange(fitness, previous);
  }

  #closeGate(): void {
    try {
      this.#dependencies.closeGate?.();
    } catch {
      // Done again, and reported, when the whole decision is put into effect.
    }
  }

  #apply(fitness: Fitness): boolean {
    try {
      this.#dependencies.apply(fitness);
      this.#failing = false;
      return true;
    } catch (error) {
      if (!this.#failing) this.#dependencies.onError(error);
      this.#failing = true;
      return false;
    }
  }
}

/** Has many decide. All gates that must close do so first, before any other effect of a decision. */
export function reviewAll(controllers: Iterable<Pick<FitnessController, 'begin'>>): void {
  const begun = Array.from(controllers, (controller) => controller.begin());
  for (const finish of begun) finish?.();
}

function differs(a: Fitness, b: Fitness | undefined): boolean {
  return b === undefined || a.band !== b.band || a.gate !== b.gate || a.priority !== b.priority;
}
