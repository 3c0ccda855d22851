import { afterAll, beforeAll, beforeEach } from 'vitest';
import { monotonicMs } from './clock.ts';
import { say } from './print.ts';
import { StallWatch } from './stalls.ts';
import { waitFor } from './wait.ts';

/** A test that a standstill spoilt is done again so often. */
const MOST_REPEATS = 4;
/** Standstills come in rows: it is done again when there was none for so long, or when this is not to be had. */
const CALM_MS = 5000;
const CALM_LIMIT_MS = 60_000;
const HOOK_SPARE_MS = 10_000;

/** Options of vitest for a test, or a block of them. */
interface RepeatedWhenDisturbed {
  readonly retry: { readonly count: number; readonly condition: () => boolean };
}

/** Waits for a time without a standstill. */
async function calm(watch: StallWatch): Promise<void> {
  const sinceMs = monotonicMs();
  const isOver = () => {
    const nowMs = monotonicMs();
    const seenMs = nowMs - sinceMs;
    return seenMs >= CALM_LIMIT_MS || (seenMs >= CALM_MS && watch.longestDuring(nowMs - CALM_MS, nowMs) === 0);
  };
  await waitFor('a calm machine', isOver, { limitMs: CALM_LIMIT_MS + HOOK_SPARE_MS, everyMs: 100 });
}

/**
 * For a file of tests that bound how long an address may be away, or say that nothing moves: nobody keeps such a promise while the machine
 * below gives a core no time. Watches the cores while the file's tests run; give the result to them as options, and a test that fails
 * while a core stood still is done once more, which is said. A failure at any other time stays one.
 */
export function repeatedWhenDisturbed(): RepeatedWhenDisturbed {
  const watch = new StallWatch();
  let begunMs = monotonicMs();
  let isSpoilt = false;
  beforeAll(() => watch.start());
  afterAll(() => watch.stop());
  beforeEach(async () => {
    if (isSpoilt) await calm(watch);
    isSpoilt = false;
    begunMs = monotonicMs();
  }, CALM_LIMIT_MS + HOOK_SPARE_MS);
  return {
    retry: {
      count: MOST_REPEATS,
      condition: () => {
        const stallMs = watch.longestDuring(begunMs, monotonicMs());
        isSpoilt = stallMs > 0;
        if (isSpoilt)
          say(`the machine gave a core no time for ${stallMs.toFixed(0)} ms during a test that failed: once more`);
        return isSpoilt;
      },
    },
  };
}
