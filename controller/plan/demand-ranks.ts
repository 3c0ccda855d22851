import type { GroupedDemand } from './demand-groups.ts';
import type { DraftGroup } from './grouping.ts';
import { type Ranking, rankNodes } from './ranking.ts';
import { seatOrders } from './replicas.ts';
import { loadsOf } from './spread.ts';
import type { PlanSettings, RememberedGroup } from './types.ts';

/** A demand whose groups have an order of preference. */
export interface RankedDemand extends GroupedDemand {
  readonly groups: readonly RememberedGroup[];
}

/** A group as far as it is counted. */
interface CountedGroup {
  readonly addresses: readonly unknown[];
  /** The node that is to hold it; undefined: none. */
  readonly first: string | undefined;
}

/** Addresses on each node, over all demands. */
class Totals {
  readonly #totals = new Map<string, number>();

  add(groups: readonly CountedGroup[], sign: 1 | -1) {
    for (const { addresses, first } of groups) {
      if (first !== undefined) this.#totals.set(first, this.of(first) + sign * addresses.length);
    }
  }

  of(node: string): number {
    return this.#totals.get(node) ?? 0;
  }
}

function zonesFor({ demand, eligibility }: GroupedDemand): { zoneOf?: (node: string) => string } {
  const { topologyKey } = demand.placement;
  if (topologyKey === undefined) return {};
  const zones = new Map(eligibility.eligible.map(({ name, labels }) => [name, labels[topologyKey] ?? '']));
  return { zoneOf: (node) => zones.get(node) ?? '' };
}

/** What a group puts on its first node: who has a seat has all addresses of the demand. */
function countedAs(
  { demand, claims }: GroupedDemand,
  addresses: readonly unknown[],
  first: string | undefined,
): CountedGroup {
  return { addresses: demand.replicas === undefined ? addresses : claims.accepted, first };
}

function before(of: GroupedDemand): CountedGroup[] {
  return of.grouped.groups.map(({ addresses, previousNodes: [first] }) => countedAs(of, addresses, first));
}

function addressGroup(
  { slot, virtualRouterId, multicastGroup, addresses }: DraftGroup,
  nodes: readonly string[] = [],
): RememberedGroup {
  const group = { slot, virtualRouterId, addresses: addresses.map(({ address }) => address), nodes: [...nodes] };
  return multicastGroup === undefined ? group : { ...group, multicastGroup };
}

/** The node with the fewest addresses comes first; of several the one that was first, else the one with the fewest of others. */
function leastLoaded(
  candidates: readonly string[],
  previous: string | undefined,
  loads: ReadonlyMap<string, number>,
  elsewhere: (node: string) => number,
): string | undefined {
  const least = Math.min(...candidates.map((node) => loads.get(node) ?? 0));
  const nodes = candidates.filter((node) => (loads.get(node) ?? 0) === least);
  if (previous !== undefined && nodes.includes(previous)) return previous;
  const fewest = Math.min(...nodes.map(elsewhere));
  return nodes.find((node) => elsewhere(node) === fewest);
}

/**
 * A group without addresses goes where the next address is to be, after all others: so that address has nowhere to move to, and none that is
 * there makes room for one that may never come.
 */
function rankSpare(
  spare: DraftGroup,
  others: readonly RememberedGroup[],
  ranking: Omit<Ranking, 'groups'>,
): RememberedGroup {
  const candidates = ranking.nodes.length > 0 ? ranking.nodes : ranking.cordoned;
  const loads = loadsOf(others, candidates);
  const { previousNodes } = spare;
  const first = leastLoaded(candidates, previousNodes[0], loads, ranking.elsewhere);
  const previous = first === undefined ? previousNodes : [first, ...previousNodes.filter((node) => node !== first)];
  return addressGroup(spare, rankNodes({ ...ranking, groups: [{ weight: 1, previous }] })[0]);
}

/**
 * Where a node is to have an endpoint of its own, any of them may be the only one that has: all that may hold the addresses take part, those that
 * have no place in the order behind it. Elsewhere a few are as safe as all.
 */
function withAllWhereEndpointsCount({ demand, eligibility }: GroupedDemand, order: readonly string[]): string[] {
  if (demand.settings.localEndpoints === undefined) return [...order];
  return [...new Set([...order, ...eligibility.eligible.map(({ name }) => name)])];
}

function rank(grouped: GroupedDemand, maxCandidates: number, elsewhere: (node: string) => number): RankedDemand {
  const { eligible } = grouped.eligibility;
  const ranking = {
    nodes: eligible.filter(({ unschedulable }) => !unschedulable).map(({ name }) => name),
    cordoned: eligible.filter(({ unschedulable }) => unschedulable).map(({ name }) => name),
    ...{ maxCandidates, elsewhere },
    ...zonesFor(grouped),
  };
  const all = grouped.grouped.groups;
  if (grouped.demand.replicas !== undefined) {
    const orders = seatOrders(all, ranking).map((order) => withAllWhereEndpointsCount(grouped, order));
    return { ...grouped, groups: all.map((seat, index) => addressGroup(seat, orders[index])) };
  }
  const drafts = all.filter(({ like }) => like === undefined);
  const orders = rankNodes({
    ...ranking,
    groups: drafts.map(({ addresses, previousNodes }) => ({ weight: addresses.length, previous: previousNodes })),
  });
  const others = drafts.map((draft, index) =>
    addressGroup(draft, withAllWhereEndpointsCount(grouped, orders[index] ?? [])),
  );
  const spares = all.filter(({ like }) => like !== undefined).map((spare) => rankSpare(spare, others, ranking));
  return { ...grouped, groups: [...others, ...spares].toSorted((a, b) => a.slot - b.slot) };
}

/**
 * Ranks the nodes for the groups of every demand; between nodes that are alike within a demand, what the others put on them decides.
 * @param demands in the order in which they choose
 */
export function rankDemands(demands: readonly GroupedDemand[], { maxCandidates }: PlanSettings): RankedDemand[] {
  const totals = new Totals();
  for (const demand of demands) totals.add(before(demand), 1);
  return demands.map((demand) => {
    totals.add(before(demand), -1);
    const ranked = rank(demand, maxCandidates, (node) => totals.of(node));
    totals.add(
      ranked.groups.map(({ addresses, nodes: [first] }) => countedAs(ranked, addresses, first)),
      1,
    );
    return ranked;
  });
}
