import { poolInstance } from '../../api/instances.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { type GroupedDemand, groupDemands } from './demand-groups.ts';
import { type RankedDemand, rankDemands } from './demand-ranks.ts';
import type { Eligibility } from './eligibility.ts';
import { handOver } from './handover.ts';
import { type LoopbackShare, loopbackProblems, loopbackShares } from './loopback.ts';
import { planNodes, type StaffedGroup } from './node-plans.ts';
import { type Neighbourhood, type PeerAddresses, peerAddressesIn } from './peer-addresses.ts';
import { nodeAddressProblems, nodeProblems, peerProblems, routerIdProblems, spreadProblems } from './problems.ts';
import { replicaProblems, seatCount } from './replicas.ts';
import type { DemandPlan, Plan, PlanInput, PlannedAddress } from './types.ts';

function neighbourhoodOf(demands: readonly GroupedDemand[], { nodes, settings }: PlanInput): Neighbourhood {
  const reserved = settings.reserved.addresses.map(canonical);
  const claimed = demands.flatMap(({ claims }) => claims.accepted.map(({ address }) => address));
  return { nodes: new Map(nodes.map((node) => [node.name, node])), virtual: new Set([...reserved, ...claimed]) };
}

function plannedAddresses({ claims, groups }: RankedDemand): PlannedAddress[] {
  const slots = new Map(groups.flatMap(({ slot, addresses }) => addresses.map((address) => [address, slot])));
  return claims.accepted.map(({ address, given }) => ({ address, given, slot: slots.get(address) }));
}

/** Nodes that have a share: those that are about to go have none on purpose. */
function sharingNodes({ eligible }: Eligibility): string[] {
  const staying = eligible.filter(({ unschedulable }) => !unschedulable);
  return (staying.length > 0 ? staying : eligible).map(({ name }) => name);
}

function seatsIn({ demand, claims, groups, eligibility }: RankedDemand) {
  return { seats: groups.length, wanted: seatCount(demand, claims), nodes: eligibility.eligible.length };
}

/** Completes a demand's plan with who runs what at this moment. */
function staff(
  ranked: RankedDemand,
  neighbourhood: Neighbourhood,
  peerAddresses: PeerAddresses,
  share: LoopbackShare | undefined,
  { assignments, nodeAddresses, nodeSubnets }: Pick<PlanInput, 'assignments' | 'nodeAddresses' | 'nodeSubnets'>,
): { plan: DemandPlan; staffed: StaffedGroup[] } {
  const { demand, groups, grouped, eligibility, grant, request, claims } = ranked;
  const { name } = demand;
  const handovers = grouped.groups.map((draft, index) => {
    const instance = poolInstance(name, draft.slot);
    const candidates = groups[index]?.nodes ?? [];
    const addresses = draft.like === undefined ? draft.addresses : [draft.like];
    const input = { instance, candidates, addresses, unicast: !request.multicast };
    return handOver({ ...input, assignment: assignments.get(instance) }, neighbourhood, peerAddresses);
  });
  // Of a group without addresses nobody misses anything, unless it is a seat.
  const holding = groups.filter(({ addresses }) => addresses.length > 0);
  const isMissed = demand.replicas !== undefined;
  const problematic = handovers.filter((_, index) => isMissed || grouped.groups[index]?.like === undefined);
  const plan = {
    name,
    pool: demand.settings.ofPool ?? name,
    ...(demand.everywhere === true ? { everywhere: true as const } : {}),
    ...(demand.replicas === undefined ? {} : { elected: true as const }),
    groups,
    eligibleNodes: eligibility.eligible.map((node) => node.name),
    addresses: plannedAddresses(ranked),
    refused: claims.refused,
    problems: [
      ...nodeProblems(eligibility),
      ...nodeAddressProblems(claims.accepted, nodeAddresses?.disputed ?? new Map()),
      ...loopbackProblems(ranked, share, { nodeSubnets: nodeSubnets ?? new Map() }),
      ...routerIdProblems(grant, request.range, grouped.ungrouped.length),
      ...replicaProblems(demand, seatsIn(ranked), request.range),
      ...(demand.maxGroups === 1 ? [] : spreadProblems(holding, sharingNodes(eligibility))),
      ...peerProblems(problematic),
    ],
    pending: handovers.flatMap(({ pending }) => pending),
  };
  const staffed = grouped.groups.map((draft, index) => ({
    demand,
    group: draft,
    members: handovers[index]?.members ?? [],
  }));
  return { plan, staffed };
}

function assignedNodes({ nodes, assignments }: PlanInput): string[] {
  const running = new Set([...assignments.values()].flatMap(({ previousPeers }) => [...previousPeers.keys()]));
  return nodes.map(({ name }) => name).filter((name) => running.has(name));
}

/**
 * Plans which nodes hold which addresses. Pure and deterministic; with its own result as the last plan it changes nothing.
 * @returns for every demand what is to be remembered of it, for every node what it is to do
 */
export function makePlan(input: PlanInput): Plan {
  const grouped = groupDemands(input);
  const shares = loopbackShares(grouped);
  const demands = rankDemands(grouped, input.settings);
  const neighbourhood = neighbourhoodOf(demands, input);
  const peerAddresses = peerAddressesIn(neighbourhood);
  const byName = demands.toSorted((a, b) => compareText(a.demand.name, b.demand.name));
  const staffed = byName.map((each) => staff(each, neighbourhood, peerAddresses, shares.get(each.demand.name), input));
  return {
    demands: new Map(staffed.map(({ plan }) => [plan.name, plan])),
    nodes: planNodes(
      staffed.flatMap((each) => each.staffed),
      byName.flatMap(({ demand }) => shares.get(demand.name) ?? []),
      neighbourhood.nodes,
      assignedNodes(input),
    ),
  };
}
