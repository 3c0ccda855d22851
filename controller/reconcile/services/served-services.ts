import type { ServiceAddress } from '../../../api/service-address.ts';
import type { VirtualIpPool } from '../../../api/virtual-ip-pool.ts';
import { outsideOf } from '../../services/outside-pool.ts';
import { PoolBook } from '../../services/pool-book.ts';
import { commonWithOlder, poolFigures } from '../../services/pool-figures.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { PoolHints, ServedServices } from '../pool-status.ts';
import { rangeProblemsOf, rangesOf, servicePool } from './claimed-addresses.ts';
import { type Reserved, unavailableAddresses } from './unavailable.ts';

/** What a pool says of Services in its status; undefined: nothing, since none are served from it. */
type ServedBy = (pool: VirtualIpPool) => ServedServices | undefined;

function outsideOfPool(pool: VirtualIpPool, claims: readonly ServiceAddress[]): PoolHints['outside'] {
  const { name } = pool.metadata;
  const asked = servicePool(pool);
  return claims
    .filter(({ spec }) => spec.pool === name && spec.owners.length > 0)
    .flatMap(({ spec: { address } }) => {
      const outside = outsideOf(name, asked, address);
      return outside === undefined ? [] : [{ address, outside }];
    });
}

/** While claims are not known, what was said of them last stays said. */
function lastSaid({ spec, status }: VirtualIpPool): ServedServices | undefined {
  if (spec.ranges === undefined || status?.services === undefined) return undefined;
  return { figures: status.services, rangeProblems: rangeProblemsOf(spec) };
}

/** What pools say of Services, by all that is known of these. Pure. */
export function servedServicesOf(state: ClusterState, reserved: Reserved): ServedBy {
  if (state.serving === 'off') return () => undefined;
  if (state.serving === 'unknown') return lastSaid;
  const { claims, pools } = state;
  const unavailable = [...unavailableAddresses(state, reserved).keys()];
  const { serving } = new PoolBook(pools.map(servicePool));
  return (pool) => {
    const { spec, metadata } = pool;
    const outside = outsideOfPool(pool, claims);
    // Its ranges may have been taken out of it, and Services have what they had of them.
    if (spec.ranges === undefined && outside.length === 0) return undefined;
    const place = serving.findIndex(({ name }) => name === metadata.name);
    const older = serving.slice(0, Math.max(0, place));
    const olderRanges = older.map((each) => rangesOf(each.spec));
    const ranges = rangesOf(spec);
    const figures = poolFigures(metadata.name, claims, ranges, { unavailable, older: olderRanges });
    const { example } = commonWithOlder(ranges, olderRanges);
    const overlaps = [...example].map(([number, address]) => ({ pool: older[number]?.name ?? '', address }));
    return { figures, rangeProblems: rangeProblemsOf(spec), hints: { outside, overlaps } };
  };
}
