import { ExponentialBackoff, type IBackoff } from 'cockatiel';

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
