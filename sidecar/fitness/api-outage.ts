import type { CheckView } from '../checks/types.ts';

/** On what it depends, besides the check, whether a lost API counts. */
interface Standing {
  readonly nowMs: number;
  /** Whether this node holds the virtual address now. */
  readonly holder: boolean;
  /** Whether the holder keeps the address also when it alone cannot reach the API. */
  readonly noPreempt: boolean;
  /** How long all nodes together need to notice that the API went away or came back. */
  readonly settleSeconds: number;
}

/** The time from which a change of the check counts; undefined when there was none. */
function settledAt({ healthy, sinceMs, everFailed }: CheckView, settleSeconds: number): number | undefined {
  if (sinceMs === undefined) return undefined;
  // A first success is no recovery.
  if (healthy && !everFailed) return undefined;
  return sinceMs + settleSeconds * 1000;
}

/**
 * Whether the node counts as one that cannot reach the Kubernetes API, and when time alone changes that, in milliseconds. Nodes notice an
 * outage of the API itself at different moments: until all have, the doubt is in favour of the holder, so that nothing moves. Pure; see
 * docs/adr/0003-an-outage-of-the-api-moves-nothing.md.
 */
export function outageCounts(
  view: CheckView,
  { nowMs, holder, noPreempt, settleSeconds }: Standing,
): { readonly counts: boolean; readonly reviewAtMs?: number } {
  const settledAtMs = settledAt(view, settleSeconds);
  if (settledAtMs === undefined || (holder && noPreempt)) return { counts: false };
  if (nowMs >= settledAtMs) return { counts: view.healthy !== true };
  return { counts: !holder, reviewAtMs: settledAtMs };
}
