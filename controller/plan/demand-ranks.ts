import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import type { GroupedDemand } from './demand-groups.ts';
import { rankNodes } from './ranking.ts';
import type { PlanSettings } from './types.ts';

/** A demand whose groups have an order of preference. */
export interface RankedDemand extends GroupedDemand {
  readonly groups: readonly AddressGroup[];
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

function before({ grouped }: GroupedDemand): CountedGroup[] {
  return grouped.groups.map(({ addresses, previousNodes }) => ({ addresses, first: previousNodes[0] }));
}

function rank(grouped: GroupedDemand, maxCandidates: number, elsewhere: (node: string) => number): RankedDemand {
  const { eligible } = grouped.eligibility;
  const orders = rankNodes({
    groups: grouped.grouped.groups.map(({ addresses, previousNodes }) => ({
      weight: addresses.length,
      previous: previousNodes,
    })),
    nodes: eligible.filter(({ unschedulable }) => !unschedulable).map(({ name }) => name),
    cordoned: eligible.filter(({ unschedulable }) => unschedulable).map(({ name }) => name),
    maxCandidates,
    elsewhere,
    ...zonesFor(grouped),
  });
  const groups = grouped.grouped.groups.map(({ slot, virtualRouterId, addresses }, index) => ({
    slot,
    virtualRouterId,
    addresses: addresses.map(({ address }) => address),
    nodes: orders[index] ?? [],
  }));
  return { ...grouped, groups };
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
      ranked.groups.map(({ addresses, nodes }) => ({ addresses, first: nodes[0] })),
      1,
    );
    return ranked;
  });
}
