import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { type ReadText, readRangeText } from './ranges.ts';

/** A pool that was made of somebody else's. */
export interface TranslatedPool {
  readonly name: string;
  readonly spec: VirtualIpPoolSpec;
}

/** Pools, and what could not be said in them. */
export interface Translation {
  readonly pools: readonly TranslatedPool[];
  /** Sentences that begin with the object. */
  readonly warnings: readonly string[];
}

/** Reads ranges. @param what they are of, as a sentence begins */
export function readRanges(texts: readonly string[], what: string) {
  const read: readonly ReadText[] = texts.map(readRangeText);
  return {
    ranges: read.flatMap((each) => ('range' in each ? [each.range] : [])),
    warnings: read.flatMap((each) => ('problem' in each ? [`${what}: ${each.problem}`] : [])),
  };
}
