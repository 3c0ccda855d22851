/** As much of a failure as tells one from another: what follows is what was seen, which is never the same twice. */
const TELLING_CHARACTERS = 150;

/** What a failure is about, without the numbers and names that differ each time. Pure. */
export function kindOf(message: string): string {
  const [line = ''] = message.trim().split('\n');
  return line.slice(0, TELLING_CHARACTERS).replace(/\d+(\.\d+)?/g, '#');
}

/**
 * The repeats of one test that failed while the machine stood still. It is done again a few times, but not to the last if it failed in the
 * same way each time: that is no matter of the machine any more, and a test that passes once in so many times would hide it.
 */
export class Repeats {
  /** A test is done again so often, at most. */
  static readonly MOST = 4;
  readonly #said: string[] = [];
  readonly #kinds = new Set<string>();

  /** Why it was done again, once for each time. */
  get said(): readonly string[] {
    return this.#said;
  }

  /**
   * Takes a failure.
   * @param why what is known of the machine meanwhile
   * @returns whether the test is done once more
   */
  take(message: string, why: string): boolean {
    this.#kinds.add(kindOf(message));
    const isLast = this.#said.length === Repeats.MOST - 1;
    if (this.#said.length >= Repeats.MOST || (isLast && this.#kinds.size === 1)) return false;
    this.#said.push(why);
    return true;
  }
}
