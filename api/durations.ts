import * as z from 'zod';
import { ruled } from './rules.ts';

/** Limits of one thing, both included. */
export interface Limits {
  readonly least: number;
  readonly most: number;
}

/** What a check may be set to, in seconds and in results in a row; the chart's templates have the same. */
export const CHECK_LIMITS = {
  intervalSeconds: { least: 0.1, most: 3600 },
  timeoutSeconds: { least: 0.05, most: 60 },
  threshold: { least: 1, most: 1000 },
} as const satisfies Record<string, Limits>;

/** Seconds that an address waits before it goes back to a node. */
export const FAILBACK_LIMITS = { least: 0, most: 86_400 } as const satisfies Limits;

/**
 * A number within limits. The API server compares a whole number with a limit of which it has cut the fraction
 * (MinimumInt in k8s.io/kube-openapi), so that 0 would pass for 0.1: a rule says it again.
 */
export function within({ least, most }: Limits) {
  const number = z.number().min(least).max(most);
  if (Number.isInteger(least)) return number;
  return ruled(number, {
    test: (value) => value >= least,
    cel: `self >= ${least}`,
    sentence: `must be from ${least} to ${most}`,
  });
}
