/** What a long test did when: so that what went wrong meanwhile is told with what had just been done. */
export class Steps {
  readonly #steps: { readonly atMs: number; readonly what: string }[] = [];

  /**
   * Remembers that something is done now. In order of time.
   * @param atMs milliseconds of CLOCK_MONOTONIC
   */
  take(atMs: number, what: string): void {
    this.#steps.push({ atMs, what });
  }

  /** When a moment was, by the step before it: `1.2 s after "link-down of eth0 on node1"`. */
  when(atMs: number): string {
    const last = this.#steps.findLast((step) => step.atMs <= atMs);
    return last === undefined
      ? 'before the first step'
      : `${((atMs - last.atMs) / 1000).toFixed(1)} s after "${last.what}"`;
  }
}
