import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';

/** Only a hang takes so long. How fast something is, is no matter of a wait: a machine that others share stands still for seconds. */
const LIMIT_MS = 30_000;
/** Looking is work too: for the machine, and for the program that is asked. */
const EVERY_MS = 50;

export interface WaitOptions {
  /** After this many milliseconds the wait fails; 30 000 by default. */
  readonly limitMs?: number;
  /** How often the condition is looked at; every 50 ms by default. */
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
  { limitMs = LIMIT_MS, everyMs = EVERY_MS, signal }: WaitOptions = {},
  detail: () => string = () => '',
): Promise<T> {
  const end = monotonicMs() + limitMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await condition();
    if (value !== undefined && value !== false) {
      return value;
    }
    if (monotonicMs() >= end) {
      const more = detail();
      throw new Error(`gave up waiting for ${what} after ${limitMs} ms${more === '' ? '' : `: ${more}`}`);
    }
    await delay(everyMs);
  }
}
