import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { type DoubleHolders, findDoubles } from './double-holders.ts';
import { faultsOf } from './faults.ts';
import { type LastHolders, type Move, moveEvent, movesOf, rememberHolders } from './moves.ts';
import type { PoolView } from './pool-view.ts';

/** What is remembered from one run to the next. */
export interface Observed {
  readonly lastHolders: LastHolders;
  readonly doubles: DoubleHolders;
  /** What was wrong and announced; announced again only after it had gone. */
  readonly announced: ReadonlySet<string>;
}

/** What one comparison found. */
export interface Observation {
  readonly observed: Observed;
  readonly moves: readonly Move[];
  readonly events: readonly ClusterEvent[];
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

/** Before anything was seen. */
const NOTHING: Observed = { lastHolders: new Map(), doubles: new Map(), announced: new Set() };

function observePool(pool: PoolView, before: Observed, nowMs: number) {
  const moves = movesOf(pool, before.lastHolders);
  const { doubles, event, reviewAtMs } = findDoubles(pool, before.doubles, nowMs);
  const faults = faultsOf(pool);
  const news = [...faults].filter(([key]) => !before.announced.has(key)).map(([, fault]) => fault);
  const events = [...moves.map((move) => moveEvent(pool, move)), ...(event === undefined ? [] : [event]), ...news];
  return { moves, events, doubles, announced: [...faults.keys()], reviewAtMs };
}

/**
 * Compares what is with what was. Pure.
 * @param pools as they are to be seen now
 * @param before what the last comparison remembered; undefined: this is the first, nothing has moved yet
 * @param nowMs of a clock that only grows
 */
export function observe(pools: readonly PoolView[], before: Observed | undefined, nowMs: number): Observation {
  const known = before ?? NOTHING;
  const seen = pools.map((pool) => observePool(pool, known, nowMs));
  const reviewAtMs = Math.min(...seen.map((each) => each.reviewAtMs), Number.POSITIVE_INFINITY);
  return {
    observed: {
      lastHolders: rememberHolders(pools, known.lastHolders),
      doubles: new Map(seen.flatMap(({ doubles }) => [...doubles])),
      announced: new Set(seen.flatMap(({ announced }) => announced)),
    },
    moves: seen.flatMap(({ moves }) => moves),
    events: seen.flatMap(({ events }) => events),
    reviewAtMs: Number.isFinite(reviewAtMs) ? reviewAtMs : undefined,
  };
}
