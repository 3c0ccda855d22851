import type { ProbeMessage } from './probe-protocol.ts';

type Attempt = ProbeMessage['attempts'][number];

/** What the kernel says of a connection whose neighbour could not be found, or was forgotten while it was being looked for. */
const UNREACHABLE = 'EHOSTUNREACH';

/**
 * Judges the attempts of a client that forgets the address's neighbour before each of them.
 *
 * Forgetting breaks off a search that is still under way: an attempt that waits for its neighbour longer than until the next attempt fails
 * by its successor's doing, whether or not anybody would have answered. The successor asks anew, so its end tells: when it succeeds, the one
 * before counts as not made; when it fails as well, both have failed. Of an outage of several attempts nothing is lost by that; one that is
 * shorter than the time between two attempts such a client cannot see.
 */
export class NewcomerVerdicts {
  readonly #starts: number[] = [];
  /** Broken off, and not judged yet: by the start of the attempt that came next. */
  readonly #doubtful = new Map<number, Attempt[]>();
  /** How attempts ended whose predecessor may still be under way, by their start. */
  readonly #ends = new Map<number, boolean>();

  /** An attempt begins; the neighbour has just been forgotten. */
  began(startMs: number): void {
    this.#starts.push(startMs);
  }

  /**
   * An attempt has ended.
   * @returns attempts that are judged now, and how many count as not made
   */
  ended(attempt: Attempt): { readonly judged: Attempt[]; readonly notMade: number } {
    const [, startMs, , ok, who] = attempt;
    const next = this.#starts.find((start) => start > startMs);
    const waiting = this.#doubtful.get(startMs) ?? [];
    this.#doubtful.delete(startMs);
    this.#ends.set(startMs, ok);
    this.#forgetBefore(startMs);
    if (ok || who !== UNREACHABLE || next === undefined) return this.#judge(ok, waiting, [attempt]);
    const successor = this.#ends.get(next);
    if (successor === undefined) {
      this.#doubtful.set(next, [attempt]);
      return this.#judge(false, waiting, []);
    }
    return successor ? { judged: waiting, notMade: 1 } : this.#judge(false, waiting, [attempt]);
  }

  /** What is still in doubt, at the end: it has failed. */
  rest(): Attempt[] {
    const left = [...this.#doubtful.values()].flat();
    this.#doubtful.clear();
    return left;
  }

  #judge(ok: boolean, waiting: Attempt[], own: Attempt[]): { judged: Attempt[]; notMade: number } {
    return ok ? { judged: own, notMade: waiting.length } : { judged: [...waiting, ...own], notMade: 0 };
  }

  /** Attempts end within a second or so: what began long before this one has ended. */
  #forgetBefore(startMs: number): void {
    const longAgo = startMs - 5000;
    while ((this.#starts[0] ?? Number.POSITIVE_INFINITY) < longAgo) {
      this.#ends.delete(this.#starts.shift() ?? 0);
    }
  }
}
