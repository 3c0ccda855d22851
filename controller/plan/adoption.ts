import { canonical } from '../../common/addresses.ts';
import type { Claims } from './claims.ts';
import { emptySlots } from './grouping.ts';
import type { Demand, RememberedGroup } from './types.ts';

/*
 * Addresses that go from one demand to another, as those of a Service do that changes its externalTrafficPolicy. Where they are all that a
 * group has, the group goes with them, under another name: with its router id and its order of nodes it is the same virtual router to every
 * node, so that whoever holds the addresses goes on, and no node need be elected.
 * See docs/adr/0074-a-group-is-ready-before-its-address.md.
 */

/** The groups of the last plan as this plan is to see them. */
export interface PreviousGroups {
  readonly groups: readonly RememberedGroup[];
  /**
   * Slots of groups with an address that another demand has now. No other group may have one in this plan: as long as a node's
   * keepalived has not read it, the track files of that name are those of the group which goes on under another one.
   */
  readonly left: readonly number[];
}

/** Demands by the addresses, in canonical form, that they have now. */
type Owners = ReadonlyMap<string, Demand>;

/** A group that goes to another demand. */
interface Move {
  readonly group: RememberedGroup;
  readonly to: Demand;
}

function ownersOf(demands: readonly Demand[], claims: ReadonlyMap<string, Claims>): Owners {
  const owned = demands.flatMap((demand) =>
    (claims.get(demand.name)?.accepted ?? []).map(({ address }) => [address, demand] as const),
  );
  return new Map(owned);
}

function hasGroupOf({ previousGroups }: Demand, addresses: readonly string[]): boolean {
  const known = new Set(previousGroups.flatMap((group) => group.addresses.map(canonical)));
  return addresses.some((address) => known.has(address));
}

/** Not one of another multicast group, where the nodes' keepalived would take it for another router anyway. */
function canHave({ everywhere, apart }: Demand, { multicastGroup }: RememberedGroup): boolean {
  return everywhere !== true && (multicastGroup === undefined || apart === true);
}

/** Where a group goes: to the one demand that has all that is left of it. */
function destination(group: RememberedGroup, from: Demand | undefined, owners: Owners): Demand | undefined {
  const addresses = group.addresses.map(canonical);
  const left = addresses.filter((address) => owners.has(address));
  const [to, ...others] = new Set(left.map((address) => owners.get(address)));
  if (to === undefined || others.length > 0 || to === from) return undefined;
  return canHave(to, group) && !hasGroupOf(to, left) ? to : undefined;
}

function movesFrom(groups: readonly RememberedGroup[], from: Demand | undefined, owners: Owners): Move[] {
  return groups.flatMap((group) => {
    const to = destination(group, from, owners);
    return to === undefined ? [] : [{ group, to }];
  });
}

function leftSlots(demand: Demand, owners: Owners): number[] {
  const isElsewhere = (address: string) => (owners.get(canonical(address)) ?? demand) !== demand;
  return demand.previousGroups.filter(({ addresses }) => addresses.some(isElsewhere)).map(({ slot }) => slot);
}

/** A demand's groups, with those that come to it, as far as it may have so many. */
function withComing(
  { groups, left }: PreviousGroups,
  coming: readonly RememberedGroup[],
  limit: number,
): readonly RememberedGroup[] {
  const taken = groups.filter(({ addresses }) => addresses.length > 0).length;
  const adopted = coming.slice(0, Math.max(0, limit - taken));
  const slots = emptySlots(groups, adopted.length, left);
  return [...groups, ...adopted.map((group, index) => ({ ...group, slot: slots[index] ?? group.slot }))];
}

/**
 * Has groups go along with their addresses. Pure.
 * @param demands in the order in which they choose
 * @param claims by name: what each has of addresses
 * @param departed groups of demands that are no more
 * @param maxGroups of a demand that says nothing of it
 */
export function adoptGroups(
  demands: readonly Demand[],
  claims: ReadonlyMap<string, Claims>,
  departed: readonly RememberedGroup[],
  maxGroups: number,
): (demand: Demand) => PreviousGroups {
  const owners = ownersOf(demands, claims);
  const moves = [
    ...demands.flatMap((from) => movesFrom(from.previousGroups, from, owners)),
    ...movesFrom(departed, undefined, owners),
  ];
  const gone = new Set(moves.map(({ group }) => group));
  const coming = Map.groupBy(moves, ({ to }) => to);
  return (demand) => {
    const own = {
      groups: demand.previousGroups.filter((group) => !gone.has(group)),
      left: leftSlots(demand, owners),
    };
    const groups = (coming.get(demand) ?? []).map(({ group }) => group);
    return { ...own, groups: withComing(own, groups, Math.min(maxGroups, demand.maxGroups ?? maxGroups)) };
  };
}
