/** As much of a failure as tells one from another: what follows is what was seen, which is never the same twice. */
const TELLING_CHARACTERS = 150;
/** More is not looked at: names are longer than what stands for them. */
const MOST_CHARACTERS = 1000;

/** Letters and digits that Kubernetes makes names of: no vowels, no 0, 1 and 3 (k8s.io/apimachinery/pkg/util/rand). */
const RANDOM = '[bcdfghjklmnpqrstvwxz2456789]';

/**
 * What is another one each time: names that Kubernetes, temporary folders and hashes have, then every number, then how many things are listed.
 * In this order.
 */
const VARYING: readonly (readonly [RegExp, string])[] = [
  // What a wait saw last.
  [/^(gave up waiting for .* after [\d.]+ ms):.*/, '$1'],
  // Of a workload's pod: that of the ReplicaSet, and its own.
  [new RegExp(`(?<=[a-z0-9])(-${RANDOM}{6,10})?-${RANDOM}{5}(?![a-z0-9-])`, 'g'), '-*'],
  // mkdtemp(3)
  [/(\/tmp\/[^\s/]*-)[A-Za-z0-9]{6}\b/g, '$1*'],
  [/\b(?=[0-9a-f-]*\d)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '*'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/g, '*'],
  [/\d+(\.\d+)*/g, '#'],
  [/([^\s,;+]+)(?:(?:,| and| \+) \1(?![^\s,;+]))+/g, '$1'],
];

/** Failures of waits that only a hang can fail, and of programs: a standstill of the machine is no reason for one, and each costs minutes. */
const HANGS = /^(gave up waiting|(test|hook) timed out|command (failed|timed out))/i;

/** What a failure is about, without the numbers and names that differ each time. Pure. */
export function kindOf(message: string): string {
  const [line = ''] = message.trim().split('\n');
  const begin = line.slice(0, MOST_CHARACTERS);
  return VARYING.reduce((text, [varying, instead]) => text.replace(varying, instead), begin).slice(
    0,
    TELLING_CHARACTERS,
  );
}

/**
 * The repeats of one test that failed while the machine stood still. It is done again a few times, but not to the last if it failed in the
 * same way each time: that is no matter of the machine any more, and a test that passes once in so many times would hide it. Where it hung in the
 * same way twice it is given up at once.
 */
export class Repeats {
  /** A test is done again so often, at most. */
  static readonly MOST = 4;
  readonly #said: string[] = [];
  readonly #kinds: string[] = [];

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
    const kind = kindOf(message);
    const isHungAgain = HANGS.test(kind) && this.#kinds.at(-1) === kind;
    this.#kinds.push(kind);
    const isLast = this.#said.length === Repeats.MOST - 1;
    const isAlwaysSame = isLast && new Set(this.#kinds).size === 1;
    if (this.#said.length >= Repeats.MOST || isAlwaysSame || isHungAgain) return false;
    this.#said.push(why);
    return true;
  }
}
