import type { ProbeResult } from '../probes/types.ts';

/** The checks a node makes, in the order in which they are reported. */
export const CHECK_NAMES = ['service', 'proxy', 'kubelet', 'kubeApi'] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

/** Whether a key is that of one of the node's own checks. */
export function isNodeCheck(key: string): key is CheckName {
  return CHECK_NAMES.some((name) => name === key);
}

/** Connections refused in a row after which it is certain that nobody listens: one could be the last of a server that reloads. */
export const CERTAIN_REFUSALS = 2;

/**
 * Cadence and thresholds of a check, in the kubelet's words
 * (https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/).
 */
export interface CheckTiming {
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Consecutive failures after which the check counts as failed. */
  readonly failureThreshold: number;
  /** Consecutive successes after which it counts as healthy again. */
  readonly successThreshold: number;
}

/** What is known of a check now. `healthy` is undefined until the first threshold has been reached. */
export interface CheckState {
  readonly healthy: boolean | undefined;
  /** Wall clock in milliseconds at which `healthy` took its present value. */
  readonly sinceMs: number | undefined;
  readonly lastResult: (ProbeResult & { readonly atMs: number }) | undefined;
  readonly consecutiveFailures: number;
  readonly consecutiveSuccesses: number;
}

/** What is told of a check that changed sides: why is in `lastResult`. */
export type CheckChange = Pick<CheckState, 'healthy'> & {
  readonly lastResult: Pick<ProbeResult, 'reason'> | undefined;
};

/** What a check has to say, watched ports included. */
export interface CheckView {
  /** Undefined until the first threshold has been reached. */
  readonly healthy: boolean | undefined;
  /** Monotonic clock in milliseconds at which `healthy` took its present value. */
  readonly sinceMs: number | undefined;
  /** Whether it ever counted as failed; a first success is no recovery. */
  readonly everFailed: boolean;
}

/** What a check has to say before it began. */
export const NOTHING_KNOWN: CheckView = { healthy: undefined, sinceMs: undefined, everFailed: false };
