import type { ServicePool } from './types.ts';

/** Why a pool does not give an address any more that Services have of it. */
export interface Outside {
  /** As conditions have it. */
  readonly reason: 'PoolGone' | 'PoolDeleted' | 'PoolServesNobody' | 'NotInRanges';
  readonly message: string;
}

/** What is asked of a pool. */
export type AskedPool = Pick<ServicePool, 'deleting' | 'spec' | 'name'> & {
  readonly ranges: Pick<ServicePool['ranges'], 'has'>;
};

/**
 * Why a pool would not give an address that is of it; undefined: it would. The Service keeps it nevertheless. Pure.
 * @param name of the pool
 * @param pool undefined: it is gone
 */
export function outsideOf(name: string, pool: AskedPool | undefined, address: string): Outside | undefined {
  if (pool === undefined) return { reason: 'PoolGone', message: `pool ${name} is gone` };
  if (pool.deleting) return { reason: 'PoolDeleted', message: `pool ${name} is being deleted` };
  if (pool.spec.services === undefined) {
    return { reason: 'PoolServesNobody', message: `pool ${name} has no spec.services any more` };
  }
  if (pool.ranges.has(address)) return undefined;
  return { reason: 'NotInRanges', message: `spec.ranges of pool ${name} do not have it any more` };
}
