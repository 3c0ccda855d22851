import type { ProbeResult } from './types.ts';

/** Codes by which the peer's kernel says that nothing serves there. */
const REFUSALS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

/** Codes by which this machine's kernel says that it has nothing left to ask with, which is no fault of the target. */
const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN', 'EADDRNOTAVAIL']);

/** Results of one attempt at one target, timed from the moment it is made. */
export class Attempt {
  readonly #startMs = performance.now();

  /** The target is well. */
  success(reason: string): ProbeResult {
    return { outcome: 'success', reason, durationSeconds: this.elapsedMs / 1000 };
  }

  /** The target is not well; `code` is the system error's, where there was one. */
  failure(reason: string, code?: string): ProbeResult {
    const result = { outcome: 'failure', reason, durationSeconds: this.elapsedMs / 1000 } as const;
    return code === undefined ? result : { ...result, code };
  }

  /** The connection failed with an error before there was an answer: refused by the peer's kernel, or otherwise not made. */
  connectionError(reason: string, code: string | undefined): ProbeResult {
    if (code !== undefined && OUT_OF_RESOURCES.has(code)) {
      return {
        ...this.failure(`${reason}; not counted, this node had nothing to ask with`, code),
        outcome: 'inconclusive',
      };
    }
    if (code === undefined || !REFUSALS.has(code)) return this.failure(reason, code);
    // EPIPE is the same reset, noticed by the writing side.
    return { ...this.failure(reason, code === 'EPIPE' ? 'ECONNRESET' : code), outcome: 'refused' };
  }

  /** The caller ended the attempt. */
  aborted(target: string): ProbeResult {
    return {
      outcome: 'inconclusive',
      reason: `${target} was given up before it answered`,
      durationSeconds: this.elapsedMs / 1000,
    };
  }

  /** Milliseconds since the attempt began. */
  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }
}
