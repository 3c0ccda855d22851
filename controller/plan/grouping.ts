import { canonical, type ParsedAddress } from '../../common/addresses.ts';
import type { RememberedGroup } from './types.ts';

/** A group on its way into the plan. */
export interface DraftGroup {
  readonly slot: number;
  readonly virtualRouterId: number;
  /** Absent: the one of all routers. */
  readonly multicastGroup?: number;
  /** In the order in which they came: the first stays the one that VRRP packets name. */
  readonly addresses: ParsedAddress[];
  /** The order of preference in the last plan. */
  readonly previousNodes: readonly string[];
  /** Of a spare group, which has no address: one as it may get. */
  readonly like?: ParsedAddress;
}

/** The groups that live on, and the addresses that need one. */
export interface Kept {
  readonly groups: readonly DraftGroup[];
  readonly ungrouped: readonly ParsedAddress[];
}

/** Groups of all addresses, by slot. */
export interface Grouped {
  readonly groups: readonly DraftGroup[];
  /** There is no router id for even one group. */
  readonly ungrouped: readonly ParsedAddress[];
}

/**
 * Finds what is left of the groups of the last plan. An address stays in its group for life: to change the group it would have to leave
 * an interface.
 * @param previous groups of the last plan; what contradicts itself there is ignored
 * @param accepted addresses of the demand
 */
export function keepGroups(previous: readonly RememberedGroup[], accepted: readonly ParsedAddress[]): Kept {
  const ungrouped = new Map(accepted.map((address) => [address.address, address]));
  const groups = new Map<number, DraftGroup>();
  for (const { addresses, nodes, ...group } of previous.toSorted((a, b) => a.slot - b.slot)) {
    const own = groups.has(group.slot) ? [] : stillRequested(addresses, ungrouped);
    for (const { address } of own) ungrouped.delete(address);
    if (own.length > 0) groups.set(group.slot, { ...group, addresses: own, previousNodes: nodes });
  }
  return { groups: [...groups.values()], ungrouped: [...ungrouped.values()] };
}

function stillRequested(addresses: readonly string[], requested: ReadonlyMap<string, ParsedAddress>): ParsedAddress[] {
  const known = new Set(addresses.map(canonical));
  return [...known].map((address) => requested.get(address)).filter((address) => address !== undefined);
}

/** A big group takes more than one address when there are more than groups; the odd slots stay units, to level loads with. */
function isBig({ slot }: DraftGroup): boolean {
  return slot % 2 === 0;
}

function smallest(groups: readonly DraftGroup[]): DraftGroup | undefined {
  let found: DraftGroup | undefined;
  for (const group of groups) {
    if (found === undefined || group.addresses.length < found.addresses.length) found = group;
  }
  return found;
}

/** The lowest numbers that no group has. @param taken others that are none of them */
export function emptySlots(
  groups: readonly Pick<DraftGroup, 'slot'>[],
  count: number,
  taken: readonly number[] = [],
): number[] {
  const used = new Set([...groups.map(({ slot }) => slot), ...taken]);
  const empty: number[] = [];
  for (let slot = 0; empty.length < count; slot += 1) if (!used.has(slot)) empty.push(slot);
  return empty;
}

/**
 * Puts new addresses into groups: one each as long as there are router ids, then into the smallest of the big ones.
 * @param kept the groups that there are, with their router ids of now
 * @param ungrouped the new addresses, in the order in which they get a group
 * @param routerIds for new groups, not more than there are new addresses
 * @param taken slots that no new group gets
 * @param multicastGroup of new groups; absent: that of all routers
 */
export function fillGroups(
  kept: readonly DraftGroup[],
  ungrouped: readonly ParsedAddress[],
  routerIds: readonly number[],
  taken: readonly number[] = [],
  multicastGroup?: number,
): Grouped {
  const slots = emptySlots(kept, routerIds.length, taken);
  const fresh = routerIds.map((virtualRouterId, index) => ({
    slot: slots[index] ?? index,
    virtualRouterId,
    ...(multicastGroup === undefined ? {} : { multicastGroup }),
    addresses: ungrouped.slice(index, index + 1),
    previousNodes: [],
  }));
  const groups = [...kept.map((group) => ({ ...group, addresses: [...group.addresses] })), ...fresh].sort(
    (a, b) => a.slot - b.slot,
  );
  if (groups.length === 0) return { groups, ungrouped };
  const big = groups.filter(isBig);
  for (const address of ungrouped.slice(routerIds.length)) {
    smallest(big.length > 0 ? big : groups)?.addresses.push(address);
  }
  return { groups, ungrouped: [] };
}
