import type { ServiceAddress } from '../../api/service-address.ts';
import type { PoolServicesStatus } from '../../api/virtual-ip-pool.ts';
import type { PoolRanges } from './ranges.ts';

/** What of a pool's ranges it does not give. */
export interface NotGiven {
  /** Addresses in canonical form that nobody may have. */
  readonly unavailable: Iterable<string>;
  /** Ranges of older pools, which give what is in both. */
  readonly older: readonly PoolRanges[];
}

interface Common {
  readonly older: readonly PoolRanges[];
  readonly found: ReturnType<PoolRanges['commonWith']>;
}

/** Ranges stay the same objects as long as nobody changes a pool. */
const knownCommon = new WeakMap<PoolRanges, Common>();

/** Addresses of a pool's ranges that older pools give. Pure. */
export function commonWithOlder(ranges: PoolRanges, older: readonly PoolRanges[]): Common['found'] {
  const known = knownCommon.get(ranges);
  const isKnown = known?.older.length === older.length && known.older.every((each, index) => each === older[index]);
  if (known !== undefined && isKnown) return known.found;
  const found = ranges.commonWith(older);
  knownCommon.set(ranges, { older, found });
  return found;
}

/**
 * What Services have of a pool, for its status. An address that Services have though the pool does not give it any more counts as allocated,
 * and takes nothing of what is free. Free is what a Service that asks for nothing could be given without taking it from one for whom it
 * waits. Pure.
 * @param claims of all pools
 */
export function poolFigures(
  pool: string,
  claims: readonly Pick<ServiceAddress, 'spec'>[],
  ranges: PoolRanges,
  { unavailable, older }: NotGiven,
): PoolServicesStatus {
  const own = claims.map(({ spec }) => spec).filter((spec) => spec.pool === pool);
  const allocated = own.filter(({ owners }) => owners.length > 0).length;
  const capacity = ranges.size(4) + ranges.size(6);
  const taken = new Set([...own.map(({ address }) => address), ...unavailable]);
  const isOlders = (address: string) => older.some((each) => each.has(address));
  const without = [...taken].filter((address) => ranges.has(address) && !isOlders(address)).length;
  return {
    capacity,
    allocated,
    retained: own.length - allocated,
    free: capacity - without - commonWithOlder(ranges, older).count,
  };
}
