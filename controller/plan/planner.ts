import type { AddressGroup, VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { type Claims, claimAddresses, oldestFirst } from './claims.ts';
import { type Eligibility, eligibleNodes } from './eligibility.ts';
import { type DraftGroup, fillGroups, type Grouped, keepGroups } from './grouping.ts';
import { handOver, type Neighbourhood, speakers } from './handover.ts';
import { instanceName, planNodes, type StaffedGroup } from './node-plans.ts';
import { nodeAddressProblems, nodeProblems, peerProblems, routerIdProblems, spreadProblems } from './problems.ts';
import { rankNodes } from './ranking.ts';
import { allocateRouterIds, type RouterIdGrant, type RouterIdRequest, type TakenRouterIds } from './router-ids.ts';
import type { Plan, PlanInput, PlannedAddress, PlanSettings, PoolPlan } from './types.ts';

/** A pool, its addresses in groups, and the nodes it may use. */
interface GroupedPool {
  readonly pool: VirtualIpPool;
  readonly claims: Claims;
  readonly request: RouterIdRequest;
  readonly grant: RouterIdGrant;
  readonly grouped: Grouped;
  readonly eligibility: Eligibility;
}

/** The same, with the order of preference of each group. */
interface RankedPool extends GroupedPool {
  readonly groups: readonly AddressGroup[];
}

function rangeOf({ spec }: VirtualIpPool, settings: PlanSettings): RouterIdRequest['range'] {
  return spec.vrrp?.virtualRouterIds ?? settings.virtualRouterIds;
}

function requestOf(pool: VirtualIpPool, claims: Claims, settings: PlanSettings) {
  const kept = keepGroups(pool.status?.groups ?? [], claims.accepted);
  const request: RouterIdRequest = {
    range: rangeOf(pool, settings),
    ownRange: pool.spec.vrrp?.virtualRouterIds !== undefined,
    multicast: pool.spec.vrrp?.peering !== 'Unicast',
    kept: new Map(kept.groups.map(({ slot, virtualRouterId }) => [slot, virtualRouterId])),
    wanted: Math.max(0, Math.min(settings.maxGroupsPerPool - kept.groups.length, kept.homeless.length)),
  };
  return { kept, request };
}

/** Applies what a pool got of router ids: a group without one breaks up, its addresses look for another. */
function group({ kept, request }: ReturnType<typeof requestOf>, grant: RouterIdGrant): Grouped {
  const groups: DraftGroup[] = [];
  const homeless = [...kept.homeless];
  for (const each of kept.groups) {
    const virtualRouterId = grant.kept.get(each.slot);
    if (virtualRouterId === undefined) homeless.push(...each.addresses);
    else groups.push({ ...each, virtualRouterId });
  }
  homeless.sort((a, b) => compareText(a.sortKey, b.sortKey));
  return fillGroups(groups, homeless, grant.fresh.slice(0, request.wanted));
}

function takenIds({ settings, foreignRouterIds, doubtfulRouterIds = new Set<number>() }: PlanInput): TakenRouterIds {
  return { reserved: settings.reserved.virtualRouterIds, foreign: foreignRouterIds, doubtful: doubtfulRouterIds };
}

function groupPools(input: PlanInput): GroupedPool[] {
  const { pools, nodes, settings, nodeAddresses } = input;
  const living = oldestFirst(pools.filter(({ metadata }) => metadata.deletionTimestamp === undefined));
  const claims = claimAddresses(living, {
    reserved: settings.reserved.addresses,
    nodes,
    nodeAddresses: nodeAddresses?.counting ?? new Map(),
  });
  const requested = living.map((pool) => {
    const claimed = claims.get(pool.metadata.name) ?? { accepted: [], refused: [] };
    return { pool, claims: claimed, ...requestOf(pool, claimed, settings) };
  });
  const grants = allocateRouterIds(
    requested.map(({ request }) => request),
    takenIds(input),
  );
  return requested.map((each, index) => {
    const grant = grants[index] ?? { kept: new Map(), fresh: [], foreign: [] };
    return { ...each, grant, grouped: group(each, grant), eligibility: eligibleNodes(each.pool.spec, nodes) };
  });
}

function zonesFor({ pool, eligibility }: GroupedPool): { zoneOf?: (node: string) => string } {
  const key = pool.spec.spread?.topologyKey;
  if (key === undefined) return {};
  const zones = new Map(eligibility.eligible.map(({ name, labels }) => [name, labels[key] ?? '']));
  return { zoneOf: (node) => zones.get(node) ?? '' };
}

/** Addresses on each node, over all pools. */
class Totals {
  readonly #totals = new Map<string, number>();

  add(groups: readonly { readonly addresses: readonly unknown[]; readonly first: string | undefined }[], sign: 1 | -1) {
    for (const { addresses, first } of groups) {
      if (first !== undefined) this.#totals.set(first, this.of(first) + sign * addresses.length);
    }
  }

  of(node: string): number {
    return this.#totals.get(node) ?? 0;
  }
}

function before({ grouped }: GroupedPool) {
  return grouped.groups.map(({ addresses, previousNodes }) => ({ addresses, first: previousNodes[0] }));
}

/** Ranks the nodes for every pool; between nodes that are alike within a pool, what other pools put on them decides. */
function rankPools(pools: readonly GroupedPool[], { maxCandidates }: PlanSettings): RankedPool[] {
  const totals = new Totals();
  for (const pool of pools) totals.add(before(pool), 1);
  return pools.map((pool) => {
    totals.add(before(pool), -1);
    const { eligible } = pool.eligibility;
    const orders = rankNodes({
      groups: pool.grouped.groups.map(({ addresses, previousNodes }) => ({
        weight: addresses.length,
        previous: previousNodes,
      })),
      nodes: eligible.filter(({ unschedulable }) => !unschedulable).map(({ name }) => name),
      cordoned: eligible.filter(({ unschedulable }) => unschedulable).map(({ name }) => name),
      maxCandidates,
      elsewhere: (node) => totals.of(node),
      ...zonesFor(pool),
    });
    const groups = pool.grouped.groups.map(({ slot, virtualRouterId, addresses }, index) => ({
      slot,
      virtualRouterId,
      addresses: addresses.map(({ address }) => address),
      nodes: orders[index] ?? [],
    }));
    totals.add(
      groups.map(({ addresses, nodes }) => ({ addresses, first: nodes[0] })),
      1,
    );
    return { ...pool, groups };
  });
}

function neighbourhoodOf(pools: readonly GroupedPool[], { nodes, settings }: PlanInput): Neighbourhood {
  const reserved = settings.reserved.addresses.map(canonical);
  const claimed = pools.flatMap(({ claims }) => claims.accepted.map(({ address }) => address));
  return { nodes: new Map(nodes.map((node) => [node.name, node])), virtual: new Set([...reserved, ...claimed]) };
}

function plannedAddresses({ claims, groups }: RankedPool): PlannedAddress[] {
  const slots = new Map(groups.flatMap(({ slot, addresses }) => addresses.map((address) => [address, slot])));
  return claims.accepted.map(({ address, given }) => ({ address, given, slot: slots.get(address) }));
}

/** Nodes that have a share: those that are about to go have none on purpose. */
function sharingNodes({ eligible }: Eligibility): string[] {
  const staying = eligible.filter(({ unschedulable }) => !unschedulable);
  return (staying.length > 0 ? staying : eligible).map(({ name }) => name);
}

/** Completes a pool's plan with who runs what at this moment. */
function staff(
  ranked: RankedPool,
  neighbourhood: Neighbourhood,
  speak: ReturnType<typeof speakers>,
  { told, nodeAddresses }: Pick<PlanInput, 'told' | 'nodeAddresses'>,
): { plan: PoolPlan; staffed: StaffedGroup[] } {
  const { pool, groups, grouped, eligibility, grant, request, claims } = ranked;
  const { name } = pool.metadata;
  const handovers = grouped.groups.map((draft, index) => {
    const instance = instanceName(name, draft.slot);
    const candidates = groups[index]?.nodes ?? [];
    const input = { instance, candidates, addresses: draft.addresses, unicast: !request.multicast };
    return handOver({ ...input, told: told.get(instance) }, neighbourhood, speak);
  });
  const plan = {
    name,
    groups,
    eligibleNodes: eligibility.eligible.map((node) => node.name),
    addresses: plannedAddresses(ranked),
    refused: claims.refused,
    problems: [
      ...nodeProblems(eligibility),
      ...nodeAddressProblems(claims.accepted, nodeAddresses?.disputed ?? new Map()),
      ...routerIdProblems(grant, request.range, grouped.homeless.length),
      ...spreadProblems(groups, sharingNodes(eligibility)),
      ...peerProblems(handovers),
    ],
    pending: handovers.flatMap(({ pending }) => pending),
  };
  const staffed = grouped.groups.map((draft, index) => ({
    pool,
    group: draft,
    members: handovers[index]?.members ?? [],
  }));
  return { plan, staffed };
}

function toldNodes({ nodes, told }: PlanInput): string[] {
  const running = new Set([...told.values()].flatMap(({ previousPeers }) => [...previousPeers.keys()]));
  return nodes.map(({ name }) => name).filter((name) => running.has(name));
}

/**
 * Plans which nodes hold which addresses. Pure and deterministic; with its own result as the last plan it changes nothing.
 * @returns for every pool what goes into its status, for every node what it is told
 */
export function makePlan(input: PlanInput): Plan {
  const pools = rankPools(groupPools(input), input.settings);
  const neighbourhood = neighbourhoodOf(pools, input);
  const speak = speakers(neighbourhood);
  const byName = pools.toSorted((a, b) => compareText(a.pool.metadata.name, b.pool.metadata.name));
  const staffed = byName.map((pool) => staff(pool, neighbourhood, speak, input));
  return {
    pools: new Map(staffed.map(({ plan }) => [plan.name, plan])),
    nodes: planNodes(
      staffed.flatMap((each) => each.staffed),
      toldNodes(input),
    ),
  };
}
