import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { few } from '../text/sentences.ts';
import { keyOf, type PoolView, warning } from './pool-view.ts';

/** By pool and address: since when several nodes hold it, and whether that was announced. */
export type DoubleHolders = ReadonlyMap<string, { readonly sinceMs: number; readonly announced: boolean }>;

interface FoundDoubles {
  readonly doubles: DoubleHolders;
  /** Undefined: there is nothing to announce. */
  readonly event: ClusterEvent | undefined;
  /** When that changes by time alone; Infinity: never. */
  readonly reviewAtMs: number;
}

/** Two masters for a moment are no fault: in VRRP the new one begins before the old one ends. */
const DOUBLE_GRACE_MS = 1000;

/** Finds the addresses of one pool that several nodes have held for too long. Pure. */
export function findDoubles(pool: PoolView, before: DoubleHolders, nowMs: number): FoundDoubles {
  const doubles = new Map<string, { sinceMs: number; announced: boolean }>();
  const overdue: string[] = [];
  let reviewAtMs = Number.POSITIVE_INFINITY;
  for (const { address, holders } of pool.addresses.filter((known) => known.holders.length > 1 && !known.everywhere)) {
    const key = keyOf(pool.name, address);
    const { sinceMs, announced } = before.get(key) ?? { sinceMs: nowMs, announced: false };
    const due = nowMs - sinceMs > DOUBLE_GRACE_MS;
    if (due && !announced) overdue.push(`${address} by ${holders.join(' and ')}`);
    if (!due) reviewAtMs = Math.min(reviewAtMs, sinceMs + DOUBLE_GRACE_MS + 1);
    doubles.set(key, { sinceMs, announced: announced || due });
  }
  const note = `held by more than one node: ${few(overdue)}`;
  const event = overdue.length === 0 ? undefined : warning(pool, 'SeveralHolders', 'Watch', note);
  return { doubles, event, reviewAtMs };
}
