import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';

export interface WaitOptions {
  /** After this many milliseconds the wait fails. */
  readonly limitMs: number;
  /** How often the condition is looked at. */
  readonly everyMs?: number;
  /** Ends the wait early, with the signal's reason as error. */
  readonly signal?: AbortSignal;
}

/**
 * Polls until the condition gives something else than undefined or false, and gives that.
 * @throws Error that names what was waited for, with what `detail` tells of the last look.
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
  detail: () => string = () => '',
): Promise<T> {
  const end = monotonicMs() + options.limitMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await condition();
    if (value !== undefined && value !== false) {
      return value;
    }
    if (monotonicMs() >= end) {
      const more = detail();
      throw new Error(`gave up waiting for ${what} after ${options.limitMs} ms${more === '' ? '' : `: ${more}`}`);
    }
    await delay(options.everyMs ?? 20);
  }
}
