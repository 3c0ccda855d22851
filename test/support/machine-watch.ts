import { afterAll, beforeAll, beforeEach } from 'vitest';
import { monotonicMs } from './clock.ts';
import { say } from './print.ts';
import { Repeats } from './repeats.ts';
import { StallWatch } from './stalls.ts';
import { waitFor } from './wait.ts';

/** Standstills come in rows: it is done again when there was none for so long, or when this is not to be had. */
const CALM_MS = 5000;
const CALM_LIMIT_MS = 60_000;
const HOOK_SPARE_MS = 10_000;

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test was done again, once for each time. The report at the end of a run has it from here. */
    repeats?: readonly string[];
  }
}

/** Options of vitest for a test, or a block of them. */
interface RepeatedWhenDisturbed {
  readonly retry?: { readonly count: number; readonly condition: (error: { readonly message: string }) => boolean };
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
 * while a core stood still is done once more, which is said, also in the report at the end of the run. A failure at any other time stays
 * one; {@link Repeats} says how often it is done again at most. With `--retry=0` none is, so that a failure is seen as it came.
 */
export function repeatedWhenDisturbed(): RepeatedWhenDisturbed {
  if (process.env.TEST_REPEATS === '0') return {};
  const watch = new StallWatch();
  let begunMs = monotonicMs();
  let repeats = new Repeats();
  let test: string | undefined;
  let isSpoilt = false;
  beforeAll(() => watch.start());
  afterAll(() => watch.stop());
  beforeEach(async ({ task }) => {
    if (task.id !== test) repeats = new Repeats();
    test = task.id;
    if (repeats.said.length > 0) task.meta.repeats = repeats.said;
    if (isSpoilt) await calm(watch);
    isSpoilt = false;
    begunMs = monotonicMs();
  }, CALM_LIMIT_MS + HOOK_SPARE_MS);
  return {
    retry: {
      count: Repeats.MOST,
      condition: ({ message }) => {
        const stallMs = watch.longestDuring(begunMs, monotonicMs());
        if (stallMs === 0) return false;
        const why = `the machine gave a core no time for ${stallMs.toFixed(0)} ms`;
        isSpoilt = repeats.take(message, why);
        say(
          `${why} during a test that failed: ${isSpoilt ? 'once more' : 'not once more: it always fails in this way'}`,
        );
        return isSpoilt;
      },
    },
  };
}
