import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProbeOutcome, ProbeResult } from '../probes/types.ts';
import { applyResult, initialCheckState } from './thresholds.ts';
import type { CheckState, CheckTiming } from './types.ts';

const outcome = fc.constantFrom<ProbeOutcome>('success', 'failure', 'refused', 'inconclusive');
const outcomes = fc.array(outcome, { maxLength: 40 });
const timing = fc.record({
  intervalSeconds: fc.constant(1),
  timeoutSeconds: fc.constant(1),
  failureThreshold: fc.integer({ min: 1, max: 6 }),
  successThreshold: fc.integer({ min: 1, max: 6 }),
});

function result(of: ProbeOutcome): ProbeResult {
  return { outcome: of, reason: of, durationSeconds: 0.01 };
}

/** The states after each result; the n-th result comes at n milliseconds. */
function states(results: readonly ProbeOutcome[], thresholds: CheckTiming): CheckState[] {
  let state = initialCheckState();
  return results.map((each, index) => {
    state = applyResult(state, result(each), index, thresholds);
    return state;
  });
}

function last(results: readonly ProbeOutcome[], thresholds: CheckTiming): CheckState {
  return states(results, thresholds).at(-1) ?? initialCheckState();
}

function thresholds(failureThreshold: number, successThreshold: number): CheckTiming {
  return { intervalSeconds: 1, timeoutSeconds: 1, failureThreshold, successThreshold };
}

/** What the kubelet would say: the last row of equal results that was long enough decides. */
function expected(
  results: readonly ProbeOutcome[],
  { failureThreshold, successThreshold }: CheckTiming,
): boolean | undefined {
  let decided: boolean | undefined;
  const text = results
    .filter((each) => each !== 'inconclusive')
    .map((each) => (each === 'success' ? 's' : 'f'))
    .join('');
  for (const row of text.match(/s+|f+/g) ?? []) {
    const needed = row.startsWith('s') ? successThreshold : failureThreshold;
    if (row.length >= needed) decided = row.startsWith('s');
  }
  return decided;
}

describe('applyResult', () => {
  it('says nothing of health before a threshold has been reached', () => {
    expect(last(['failure'], thresholds(2, 1)).healthy).toBeUndefined();
    expect(last(['success'], thresholds(1, 2)).healthy).toBeUndefined();
  });

  it('is healthy after the first successes that reach the success threshold', () => {
    expect(last(['success'], thresholds(3, 1)).healthy).toBe(true);
    expect(last(['success', 'success'], thresholds(3, 2)).healthy).toBe(true);
  });

  it('fails after as many failures in a row as the failure threshold, and not before', () => {
    expect(last(['success', 'failure', 'failure'], thresholds(3, 1)).healthy).toBe(true);
    expect(last(['success', 'failure', 'failure', 'failure'], thresholds(3, 1)).healthy).toBe(false);
    expect(last(['success', 'failure', 'failure', 'success', 'failure'], thresholds(3, 1)).healthy).toBe(true);
  });

  it('fails at once on a failure that is confirmed, and recovers by the success threshold all the same', () => {
    const healthy = last(['success', 'success'], thresholds(5, 2));
    const failed = applyResult(healthy, result('refused'), 7, thresholds(5, 2), { immediate: true });
    expect(failed).toMatchObject({ healthy: false, sinceMs: 7, consecutiveFailures: 1, consecutiveSuccesses: 0 });
    const once = applyResult(failed, result('success'), 8, thresholds(5, 2));
    expect(once.healthy).toBe(false);
    expect(applyResult(once, result('success'), 9, thresholds(5, 2)).healthy).toBe(true);
  });

  it('does not fail on a success, though a failure would need no repetition', () => {
    const healthy = last(['success', 'success'], thresholds(5, 2));
    const failed = applyResult(healthy, result('failure'), 7, thresholds(5, 2));
    expect(applyResult(failed, result('success'), 8, thresholds(5, 2), { immediate: true }).healthy).toBe(true);
  });

  it('keeps the result and its time', () => {
    const state = applyResult(initialCheckState(), result('failure'), 42, thresholds(1, 1));
    expect(state.lastResult).toEqual({ outcome: 'failure', reason: 'failure', durationSeconds: 0.01, atMs: 42 });
  });

  it('decides as the kubelet does, whatever the results and thresholds', () => {
    fc.assert(
      fc.property(outcomes, timing, (each, given) => {
        expect(last(each, given).healthy).toBe(expected(each, given));
      }),
    );
  });

  it('takes no notice of inconclusive results but for showing the last one', () => {
    fc.assert(
      fc.property(outcomes, timing, (each, given) => {
        const conclusive = each.filter((one) => one !== 'inconclusive');
        const { lastResult, sinceMs, ...rest } = last(each, given);
        const { lastResult: ignored, sinceMs: other, ...without } = last(conclusive, given);
        expect(rest).toEqual(without);
        expect(lastResult?.outcome).toBe(each.at(-1));
      }),
    );
  });

  it('moves the time of the last change when health changes, and only then', () => {
    fc.assert(
      fc.property(outcomes, timing, (each, given) => {
        let before = initialCheckState();
        for (const [index, state] of states(each, given).entries()) {
          expect(state.sinceMs).toBe(state.healthy === before.healthy ? before.sinceMs : index);
          before = state;
        }
      }),
    );
  });

  it('never counts successes and failures at the same time', () => {
    fc.assert(
      fc.property(outcomes, timing, (each, given) => {
        for (const { consecutiveFailures, consecutiveSuccesses } of states(each, given)) {
          expect(Math.min(consecutiveFailures, consecutiveSuccesses)).toBe(0);
        }
      }),
    );
  });
});
