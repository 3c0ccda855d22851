import { afterAll, beforeAll, beforeEach } from 'vitest';
import { monotonicMs } from '../lab/clock.ts';
import { say } from '../lab/print.ts';
import { StallWatch } from './stalls.ts';

/** A test that a standstill spoilt is done again so often. */
const MOST_REPEATS = 2;

/** Options of vitest for a test, or a block of them. */
interface RepeatedWhenDisturbed {
  readonly retry: { readonly count: number; readonly condition: () => boolean };
}

/**
 * For a file of tests that bound how long an address may be away, or say that nothing moves: nobody keeps such a promise while the machine
 * below gives a core no time. Watches the cores while the file's tests run; give the result to them as options, and a test that fails
 * while a core stood still is done once more, which is said. A failure at any other time stays one.
 */
export function repeatedWhenDisturbed(): RepeatedWhenDisturbed {
  const watch = new StallWatch();
  let begunMs = monotonicMs();
  beforeAll(() => watch.start());
  afterAll(() => watch.stop());
  beforeEach(() => {
    begunMs = monotonicMs();
  });
  return {
    retry: {
      count: MOST_REPEATS,
      condition: () => {
        const stallMs = watch.longestDuring(begunMs, monotonicMs());
        if (stallMs > 0)
          say(`the machine gave a core no time for ${stallMs.toFixed(0)} ms during a test that failed: once more`);
        return stallMs > 0;
      },
    },
  };
}
