import { ExponentialBackoff, type IBackoff } from 'cockatiel';

/*
 * When something that failed is tried again: later each time, and never by all at the same moment.
 */

/** Uniform in [0, 1). */
export type Random = () => number;

/** A time moved by up to a quarter, either way, so that nodes do not all ask at the same moment. */
export function spread(time: number, random: Random = Math.random): number {
  return time * (0.75 + random() / 2);
}

/** A time that doubles with every failure, in the unit of what is given. Pure. */
export function doubled(failures: number, { first, longest }: { first: number; longest: number }): number {
  return Math.min(longest, first * 2 ** failures);
}

/** Delays that grow with every failure in a row, with jitter ("decorrelated", so that replicas don't fall into step). */
export class Backoff {
  readonly #factory: ExponentialBackoff<unknown>;
  #current: IBackoff<unknown> | undefined;

  constructor(options: { readonly firstMs: number; readonly maximumMs: number }) {
    this.#factory = new ExponentialBackoff({ initialDelay: options.firstMs, maxDelay: options.maximumMs });
  }

  /** Milliseconds to wait after a failure. */
  next(): number {
    this.#current = this.#current === undefined ? this.#factory.next() : this.#current.next(undefined);
    return this.#current.duration;
  }

  /** Begins anew, after a success. */
  reset(): void {
    this.#current = undefined;
  }
}
