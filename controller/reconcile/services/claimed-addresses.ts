import type { NodePlan } from '../../../api/node-plan.ts';
import type { ServiceAddress } from '../../../api/service-address.ts';
import type { VirtualIpPool, VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import { canonical } from '../../../common/addresses.ts';
import { withAnswers, withAnswersOf } from '../../../common/answers.ts';
import { CLAIMS_FINALIZER } from '../../services/annotations.ts';
import { PoolRanges, type RangesSpec, rangeProblems } from '../../services/ranges.ts';
import type { ServicePool } from '../../services/types.ts';

/** Addresses of a pool that Services have, as the pool asks for them: with the prefix of their range where it has one. */
export type ClaimedAddresses = (pool: VirtualIpPool) => readonly string[];

/** Where no Service gets addresses. */
export const NOTHING_CLAIMED: ClaimedAddresses = () => [];

/** Of so many ranges that is kept at most: more than a cluster has pools. */
const MOST_TEXTS = 1000;

/** With every write of a pool's status its spec comes anew, and what is known of its ranges is worth keeping: thousands are asked about. */
const rangesByText = withAnswers((text) => PoolRanges.of(JSON.parse(text) as RangesSpec), MOST_TEXTS);

/** Addresses that a pool can give to Services: the same object as long as nobody changes its ranges. Pure. */
export const rangesOf = withAnswersOf(({ ranges, exclude, avoidNetworkAndBroadcast }: RangesSpec) =>
  rangesByText(JSON.stringify({ ranges, exclude, avoidNetworkAndBroadcast })),
);

function createdMs({ metadata }: VirtualIpPool): number {
  const time = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

/** A pool as Services see it. Pure. */
export function servicePool(pool: VirtualIpPool): ServicePool {
  return {
    name: pool.metadata.name,
    createdMs: createdMs(pool),
    deleting: pool.metadata.deletionTimestamp !== undefined,
    spec: pool.spec,
    ranges: rangesOf(pool.spec),
  };
}

/** What is wrong with a pool's ranges, in sentences that begin with the field. Pure. */
export const rangeProblemsOf = withAnswersOf((spec: VirtualIpPoolSpec): readonly string[] => rangeProblems(spec));

/** An address as a pool asks for it: with the prefix of its range where that has one. Pure. */
export function withPrefix(address: string, spec: VirtualIpPoolSpec): string {
  const prefixLength = rangesOf(spec).prefixLengthOf(address);
  return prefixLength === undefined ? address : `${address}/${prefixLength}`;
}

/** By pool: addresses of the claims that somebody has. Pure. */
export function claimedBy(claims: readonly ServiceAddress[]): ClaimedAddresses {
  const byPool = new Map<string, string[]>();
  for (const { spec } of claims) {
    if (spec.owners.length === 0) continue;
    const addresses = byPool.get(spec.pool) ?? [];
    byPool.set(spec.pool, addresses);
    addresses.push(spec.address);
  }
  return ({ metadata: { name }, spec }) => (byPool.get(name) ?? []).map((address) => withPrefix(address, spec));
}

/** The same, without some addresses in canonical form. Pure. */
export function without(claimed: ClaimedAddresses, others: ReadonlySet<string>): ClaimedAddresses {
  return (pool) => claimed(pool).filter((address) => !others.has(canonical(address)));
}

/**
 * What was planned last for Services: it goes on while claims are not known yet. From part of them a plan would take addresses away. Pure.
 */
export function plannedLast(plans: readonly NodePlan[]): ClaimedAddresses {
  const onLo = onLoopbackByPool(plans);
  return (pool) => plannedOf(pool, onLo.get(pool.metadata.name) ?? new Set());
}

/** By pool: what of its addresses every fit node has in its plan, but for what is placed by itself. In canonical form. */
function onLoopbackByPool(plans: readonly NodePlan[]): Map<string, Set<string>> {
  const byPool = new Map<string, Set<string>>();
  for (const { name, pool, addresses } of plans.flatMap(({ spec }) => spec.loopback ?? [])) {
    if (name !== pool) continue;
    const known = byPool.get(pool) ?? new Set();
    byPool.set(pool, known);
    for (const address of addresses) known.add(canonical(address));
  }
  return byPool;
}

function plannedOf({ metadata, spec, status }: VirtualIpPool, onLo: ReadonlySet<string>): string[] {
  // Ranges may have been taken out of it, and Services have what they had of them.
  if (spec.ranges === undefined && metadata.finalizers?.includes(CLAIMS_FINALIZER) !== true) return [];
  const listed = new Set((spec.addresses ?? []).map(canonical));
  const planned = [...(status?.groups ?? []).flatMap(({ addresses }) => addresses), ...onLo];
  return planned.filter((address) => !listed.has(canonical(address))).map((address) => withPrefix(address, spec));
}
