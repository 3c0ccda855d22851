import type { Clock } from '../../common/clock.ts';
import type { Asked } from './ask-https.ts';

/** What is known of a URL. */
export interface Known {
  /** The last answer; undefined: none yet, or too long ago. */
  readonly answer: Asked | undefined;
  /** When to look again, by the monotonic clock. */
  readonly reviewAtMs: number;
}

interface ReachabilityDependencies {
  /** Asks once. Never rejects, and ends in a few seconds. */
  readonly ask: (url: string) => Promise<Asked>;
  readonly clock: Clock;
  /** Called when there is an answer, so that who waits for it looks again. */
  readonly onAnswer: () => void;
}

interface Entry {
  answer: Asked | undefined;
  /** When it was asked last. */
  askedMs: number;
  /** When it was looked at last. */
  lookedMs: number;
  pending: boolean;
}

const INTERVAL_MS = 1000;
/** An answer is of no use when it is older. */
const STALE_MS = 5000;
/** What nobody looks at is forgotten. */
const FORGET_MS = 60_000;

/** Asks URLs once a second as long as somebody looks at them. */
export class Reachability {
  readonly #dependencies: ReachabilityDependencies;
  readonly #entries = new Map<string, Entry>();

  constructor(dependencies: ReachabilityDependencies) {
    this.#dependencies = dependencies;
  }

  /** What is known of a URL now; has it asked when that was some time ago. */
  look(url: string): Known {
    const nowMs = this.#dependencies.clock.monotonicMs();
    this.#forget(nowMs);
    const entry = this.#entryOf(url, nowMs);
    if (!entry.pending && nowMs - entry.askedMs >= INTERVAL_MS) this.#ask(url, entry, nowMs);
    const fresh = nowMs - entry.askedMs <= STALE_MS;
    return { answer: fresh ? entry.answer : undefined, reviewAtMs: entry.askedMs + INTERVAL_MS };
  }

  #entryOf(url: string, nowMs: number): Entry {
    const known = this.#entries.get(url) ?? {
      answer: undefined,
      askedMs: Number.NEGATIVE_INFINITY,
      lookedMs: nowMs,
      pending: false,
    };
    known.lookedMs = nowMs;
    this.#entries.set(url, known);
    return known;
  }

  #ask(url: string, entry: Entry, nowMs: number): void {
    // An answer of long ago is none to this question.
    if (nowMs - entry.askedMs > STALE_MS) entry.answer = undefined;
    entry.askedMs = nowMs;
    entry.pending = true;
    void this.#dependencies.ask(url).then((answer) => {
      entry.pending = false;
      entry.answer = answer;
      this.#dependencies.onAnswer();
    });
  }

  #forget(nowMs: number): void {
    for (const [url, { lookedMs }] of this.#entries) {
      if (nowMs - lookedMs > FORGET_MS) this.#entries.delete(url);
    }
  }
}
