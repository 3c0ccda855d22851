import type { Condition } from '../../api/conditions.ts';
import { oneLine } from '../../api/text.ts';

/** What is said of an object. */
export interface Verdict {
  readonly type: string;
  readonly status: Condition['status'];
  /** UpperCamelCase. */
  readonly reason: string;
  readonly message: string;
}

interface WithConditions {
  readonly metadata: { readonly generation?: number | undefined };
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined;
}

/** The API server takes 32768 characters; whoever reads a condition takes far less. */
const MESSAGE_BYTES = 4096;

/**
 * A verdict as a condition of an object: about its present generation, and since when its status is what it is. Pure.
 * @param now for a status that changes now, as RFC 3339
 */
export function conditionOf(verdict: Verdict, { metadata, status: known }: WithConditions, now: string): Condition {
  const { type, status, reason, message } = verdict;
  const before = known?.conditions?.find((condition) => condition.type === type);
  const { generation } = metadata;
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    reason,
    message: oneLine(message, MESSAGE_BYTES),
  };
}
