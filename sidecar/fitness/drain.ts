interface DrainDependencies {
  /** Whether this node holds an address now. */
  readonly holder: () => boolean;
  /** Called when draining begins or ends. */
  readonly onChange: (draining: boolean) => void;
}

/** How a drain ended. */
export type DrainOutcome = 'not holding' | 'moved' | 'timed out';

const POLL_MILLIS = 10;

/**
 * Keeps the reasons for which the node drains. While there is one, the node's priority is that of the draining band: another node takes
 * over while this one still serves, and only then lets go.
 */
export class Drain {
  readonly #dependencies: DrainDependencies;
  readonly #reasons = new Set<string>();

  constructor(dependencies: DrainDependencies) {
    this.#dependencies = dependencies;
  }

  get draining(): boolean {
    return this.#reasons.size > 0;
  }

  /** Why the node drains, in words; empty when it doesn't. */
  get reasons(): readonly string[] {
    return [...this.#reasons];
  }

  /** Begins a drain for a reason; the same reason twice counts once. */
  begin(reason: string): void {
    const before = this.draining;
    this.#reasons.add(reason);
    if (!before) this.#dependencies.onChange(true);
  }

  /** Ends it for that reason. */
  end(reason: string): void {
    if (this.#reasons.delete(reason) && !this.draining) this.#dependencies.onChange(false);
  }

  /**
   * Waits until this node holds nothing any more.
   * @param limitSeconds after which it gives up: where no other node can take over, the address stays
   */
  async waitUntilMoved(limitSeconds: number): Promise<DrainOutcome> {
    if (!this.#dependencies.holder()) return 'not holding';
    const limit = performance.now() + limitSeconds * 1000;
    while (performance.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
      if (!this.#dependencies.holder()) return 'moved';
    }
    return 'timed out';
  }
}
