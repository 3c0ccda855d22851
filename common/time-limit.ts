/** A signal that says when to give up: because a time is over, or because another signal says so. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #abort = (): void => this.#controller.abort();
  #timer: NodeJS.Timeout | undefined;
  #exceeded: string | undefined;

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    parent.addEventListener('abort', this.#abort);
    if (parent.aborted) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What `set` was given for the limit that was exceeded. */
  get exceeded(): string | undefined {
    return this.#exceeded;
  }

  /** Begins a limit in place of the one before. */
  set(seconds: number, exceeded: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#exceeded = exceeded;
      this.#abort();
    }, seconds * 1000);
  }

  /** Forgets time and signal. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener('abort', this.#abort);
  }
}
