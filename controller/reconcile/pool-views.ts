import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import type { PoolView } from '../events/pool-view.ts';
import type { Plan } from '../plan/types.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Claim } from './holders.ts';

function refusedIn(plan: Plan | undefined, name: string): ReadonlySet<string> {
  return new Set((plan?.demands.get(name)?.refused ?? []).map(({ address }) => canonical(address)));
}

function nodeProblems(pool: string, plans: readonly NodePlan[]): PoolView['nodeProblems'] {
  return plans
    .filter(({ spec }) => spec.pools.some(({ name }) => name === pool))
    .flatMap(({ metadata, status }) => (status?.problems ?? []).map((problem) => ({ node: metadata.name, problem })));
}

/**
 * What of the pools is compared from one run to the next. Pure.
 * @param plan undefined: there is none
 * @param holders by address in canonical form
 */
export function poolViews(
  { pools, plans }: ClusterState,
  plan: Plan | undefined,
  holders: ReadonlyMap<string, readonly Claim[]>,
): PoolView[] {
  return pools.map(({ metadata: { name, uid }, spec }) => {
    const refused = refusedIn(plan, name);
    const own = spec.addresses.map((given) => canonical(given)).filter((address) => !refused.has(address));
    return {
      name,
      uid,
      addresses: own.map((address) => ({ address, holders: (holders.get(address) ?? []).map(({ node }) => node) })),
      refused: plan?.demands.get(name)?.refused ?? [],
      problems: plan?.demands.get(name)?.problems ?? [],
      nodeProblems: nodeProblems(name, plans),
    };
  });
}
