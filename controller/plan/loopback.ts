import { MAX_LOOPBACK, MAX_LOOPBACK_ADDRESSES, type PlannedLoopback } from '../../api/node-plan.ts';
import { subnetsOf } from '../../common/addresses.ts';
import { count, few } from '../text/sentences.ts';
import type { GroupedDemand } from './demand-groups.ts';
import type { Demand, PlanInput, Problem } from './types.ts';

/*
 * Addresses that every fit node has. Nobody decides between nodes, so there are no groups, no router ids and no order of preference: each
 * node that may hold them has them in its plan, and leaves them out of lo while it is not fit. Where so many nodes are to have them, those
 * that may be elected have them in their plans (replicas.ts).
 */

/** A demand's addresses that nodes are to have on lo, and which nodes. */
export interface LoopbackShare {
  readonly demand: Demand;
  /** As the demand has them. */
  readonly addresses: PlannedLoopback['addresses'];
  /** Names. */
  readonly nodes: readonly string[];
}

/** What of the demands goes to lo, by the demand's name. What a plan has no room for is left out: the youngest go short. */
export function loopbackShares(demands: readonly GroupedDemand[]): Map<string, LoopbackShare> {
  const shares = new Map<string, LoopbackShare>();
  let room = MAX_LOOPBACK_ADDRESSES;
  for (const { demand, claims, eligibility } of demands) {
    if (demand.everywhere !== true || shares.size >= MAX_LOOPBACK) continue;
    const addresses = claims.accepted.slice(0, room).map(({ given }) => given);
    if (addresses.length === 0) continue;
    room -= addresses.length;
    shares.set(demand.name, { demand, addresses, nodes: eligibility.eligible.map(({ name }) => name) });
  }
  return shares;
}

/** What is in the way of addresses that go to lo. */
export function loopbackProblems(
  { demand, claims, eligibility: { eligible } }: GroupedDemand,
  share: LoopbackShare | undefined,
  { nodeSubnets = new Map() }: Pick<PlanInput, 'nodeSubnets'>,
): Problem[] {
  if (demand.everywhere !== true) return [];
  const left = claims.accepted.length - (share?.addresses.length ?? 0);
  const problems: Problem[] = onLinkProblems(claims.accepted, eligible, nodeSubnets);
  if (left > 0) {
    const message = `a node can have ${MAX_LOOPBACK_ADDRESSES} addresses on lo, in ${MAX_LOOPBACK} sets: ${count(left, 'address', 'addresses')} more are left out; give some back`;
    problems.push({ kind: 'TooManyAddresses', message });
  }
  if (eligible.length > 0 && eligible.every(({ unschedulable }) => unschedulable)) {
    const message = 'every node that may hold the addresses is cordoned, so that none has them; uncordon one';
    problems.push({ kind: 'EveryNodeCordoned', message });
  }
  return problems;
}

/** Each node's word counts for itself: it leaves such an address out, and others have it. */
function onLinkProblems(
  accepted: readonly { readonly address: string }[],
  eligible: readonly { readonly name: string }[],
  nodeSubnets: ReadonlyMap<string, readonly string[]>,
): Problem[] {
  const found = eligible.flatMap(({ name }) => {
    const subnetOf = subnetsOf(nodeSubnets.get(name) ?? []);
    return accepted.flatMap(({ address }) => {
      const subnet = subnetOf(address);
      return subnet === undefined ? [] : [`${address} (${subnet} of ${name})`];
    });
  });
  if (found.length === 0) return [];
  const message = `addresses are in nodes' own subnets, where every node would answer for them, so that these nodes do not have them: ${few(found)}; take addresses that routers send to the nodes`;
  return [{ kind: 'OnLinkAddress', message }];
}
