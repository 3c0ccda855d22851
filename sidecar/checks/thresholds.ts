import type { ProbeResult } from '../probes/types.ts';
import type { CheckState, CheckTiming } from './types.ts';

interface ApplyOptions {
  /** The failure was confirmed by other means (a refusal that was refused again): it needs no further repetition. */
  readonly immediate?: boolean;
}

/** The state of a check of which nothing is known yet. */
export function initialCheckState(): CheckState {
  return {
    healthy: undefined,
    sinceMs: undefined,
    lastResult: undefined,
    consecutiveFailures: 0,
    consecutiveSuccesses: 0,
  };
}

function decide(
  healthy: boolean | undefined,
  failures: number,
  successes: number,
  timing: CheckTiming,
  immediate: boolean,
): boolean | undefined {
  if (successes >= timing.successThreshold) return true;
  if (failures >= timing.failureThreshold || (immediate && failures > 0)) return false;
  return healthy;
}

/**
 * Counts one more result, as the kubelet does: a check changes sides only after so many equal results in a row, and any result of
 * the other kind begins the count anew (https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/).
 * An inconclusive result counts neither way and interrupts no row.
 * @param state what was known before
 * @param result the new result
 * @param atMs wall clock in milliseconds at which it came
 * @param timing the thresholds
 * @param options `immediate`: a failure counts as if it had reached its threshold
 */
export function applyResult(
  state: CheckState,
  result: ProbeResult,
  atMs: number,
  timing: CheckTiming,
  { immediate = false }: ApplyOptions = {},
): CheckState {
  const lastResult = { ...result, atMs };
  if (result.outcome === 'inconclusive') return { ...state, lastResult };
  const success = result.outcome === 'success';
  const consecutiveFailures = success ? 0 : state.consecutiveFailures + 1;
  const consecutiveSuccesses = success ? state.consecutiveSuccesses + 1 : 0;
  const healthy = decide(state.healthy, consecutiveFailures, consecutiveSuccesses, timing, immediate);
  const sinceMs = healthy === state.healthy ? state.sinceMs : atMs;
  return { healthy, sinceMs, lastResult, consecutiveFailures, consecutiveSuccesses };
}
