import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import type { PoolView } from '../events/pool-view.ts';
import type { DemandPlan, Plan } from '../plan/types.ts';
import type { ClusterState } from './cluster-state.ts';
import { type Claim, everywhereIn } from './holders.ts';

/** What is planned of a pool: all together, and what is placed by itself. */
function plansOf(plan: Plan | undefined, pool: string): DemandPlan[] {
  return [...(plan?.demands.values() ?? [])].filter((demand) => demand.pool === pool);
}

function nodeProblems(pool: string, plans: readonly NodePlan[]): PoolView['nodeProblems'] {
  return plans
    .filter(({ spec }) => spec.pools.some(({ name, ofPool }) => (ofPool ?? name) === pool))
    .flatMap(({ metadata, status }) => (status?.problems ?? []).map((problem) => ({ node: metadata.name, problem })));
}

/**
 * What of the pools is compared from one run to the next. Pure.
 * @param plan undefined: there is none
 * @param holders by address in canonical form
 */
export function poolViews(
  { pools, plans, claimed }: ClusterState,
  plan: Plan | undefined,
  holders: ReadonlyMap<string, readonly Claim[]>,
): PoolView[] {
  const everywhere = everywhereIn(plans);
  return pools.map((pool) => {
    const { name, uid } = pool.metadata;
    const demands = plansOf(plan, name);
    const refusals = demands.flatMap((demand) => demand.refused);
    const refused = new Set(refusals.map(({ address }) => canonical(address)));
    const own = [...(pool.spec.addresses ?? []), ...claimed(pool)]
      .map((given) => canonical(given))
      .filter((address) => !refused.has(address));
    return {
      name,
      uid,
      addresses: own.map((address) => ({
        address,
        holders: (holders.get(address) ?? []).map(({ node }) => node),
        ...(everywhere.has(address) ? { everywhere: true as const } : {}),
      })),
      refused: refusals,
      problems: demands.flatMap(({ problems }) => problems),
      nodeProblems: nodeProblems(name, plans),
    };
  });
}
