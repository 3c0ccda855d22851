import { ROUTER_IDS } from '../../api/instances.ts';
import { compareText } from '../../common/compare-text.ts';
import { adoptGroups, type PreviousGroups } from './adoption.ts';
import { type Claims, claimAddresses, oldestFirst } from './claims.ts';
import { type Eligibility, eligibleNodes } from './eligibility.ts';
import { type DraftGroup, fillGroups, type Grouped, type Kept, keepGroups } from './grouping.ts';
import { asSeats, keepSeats, seatCount } from './replicas.ts';
import {
  allocateRouterIds,
  type RouterIdGrant,
  type RouterIdRequest,
  type UnavailableRouterIds,
} from './router-ids.ts';
import { type KeptWithSpare, keepSpare, withSpare } from './spares.ts';
import type { Demand, PlanInput, PlanSettings, RememberedGroup, RouterIdRange } from './types.ts';

/** A demand, its addresses in groups, and the nodes that may hold them. */
export interface GroupedDemand {
  readonly demand: Demand;
  readonly claims: Claims;
  readonly request: RouterIdRequest;
  readonly grant: RouterIdGrant;
  readonly grouped: Grouped;
  readonly eligibility: Eligibility;
}

/** What a demand in a multicast group of its own asks for instead of what others ask. */
type ApartRequest = Pick<RouterIdRequest, 'range' | 'apart' | 'stranded'>;

/** A demand with what is left of its groups, and the router ids that it asks for. */
interface RequestingDemand {
  readonly demand: Demand;
  readonly claims: Claims;
  readonly kept: KeptWithSpare;
  /** Slots that no new group may have: see {@link PreviousGroups.left}. */
  readonly left: readonly number[];
  readonly request: RouterIdRequest;
}

/** The multicast group of a demand's new groups; undefined: that of all routers. */
function multicastGroupOf(
  { apart, unicast, everywhere }: Demand,
  { multicastGroup }: PlanSettings,
): number | undefined {
  return apart === true && !unicast && everywhere !== true ? multicastGroup : undefined;
}

function slotsOf(groups: readonly DraftGroup[]): Set<number> {
  return new Set(groups.map(({ slot }) => slot));
}

/**
 * Groups that speak where all routers do go on there, as long as their router id is one of the common range; those of another multicast group,
 * as the settings had it before, cannot go on.
 */
function strandedSlots(
  { groups }: Kept,
  multicastGroup: number | undefined,
  { first, last }: RouterIdRange,
): Set<number> {
  const isStranded = (group: DraftGroup) =>
    group.multicastGroup === undefined
      ? multicastGroup !== undefined && (group.virtualRouterId < first || group.virtualRouterId > last)
      : group.multicastGroup !== multicastGroup;
  return slotsOf(groups.filter(isStranded));
}

function apartRequest(demand: Demand, kept: Kept, settings: PlanSettings): Partial<ApartRequest> {
  const multicastGroup = multicastGroupOf(demand, settings);
  const stranded = strandedSlots(kept, multicastGroup, settings.virtualRouterIds);
  if (multicastGroup === undefined) return stranded.size === 0 ? {} : { stranded };
  const slots = slotsOf(kept.groups.filter((group) => group.multicastGroup === multicastGroup));
  return { range: { first: ROUTER_IDS.least, last: ROUTER_IDS.most }, apart: { slots }, stranded };
}

/** What of router ids a demand asks for that has no group yet. */
type OpenRequest = Pick<RouterIdRequest, 'desired' | 'spare'>;

/** Addresses on lo need no groups; where some of the nodes have them, each of these has a seat. */
function seatsOf(demand: Demand, claims: Claims, previous: readonly RememberedGroup[]) {
  const seats = seatCount(demand, claims);
  const groups = keepSeats(previous, seats);
  const open: OpenRequest = { desired: seats - groups.length };
  return { kept: { groups, ungrouped: [], spare: undefined }, open };
}

function groupsOf(demand: Demand, claims: Claims, previous: readonly RememberedGroup[], settings: PlanSettings) {
  const kept = keepSpare(previous, demand.spare, keepGroups(previous, claims.accepted));
  const maxGroups = Math.min(settings.maxGroupsPerPool, demand.maxGroups ?? settings.maxGroupsPerPool);
  const desired = Math.max(0, Math.min(maxGroups - kept.groups.length, kept.ungrouped.length));
  const hasRoom = kept.groups.length + desired < maxGroups;
  const spare = demand.spare !== undefined && hasRoom ? { previous: kept.spare?.virtualRouterId } : undefined;
  const open: OpenRequest = { desired, spare };
  return { kept, open };
}

function requestOf(
  demand: Demand,
  claims: Claims,
  { groups: previous, left }: PreviousGroups,
  settings: PlanSettings,
): RequestingDemand {
  const { kept, open } =
    demand.everywhere === true ? seatsOf(demand, claims, previous) : groupsOf(demand, claims, previous, settings);
  const request: RouterIdRequest = {
    range: demand.virtualRouterIds ?? settings.virtualRouterIds,
    ownRange: demand.virtualRouterIds !== undefined,
    multicast: !demand.unicast,
    kept: new Map(kept.groups.map(({ slot, virtualRouterId }) => [slot, virtualRouterId])),
    ...open,
    ...apartRequest(demand, kept, settings),
  };
  return { demand, claims, kept, left, request };
}

function staysWhereItSpeaks({ slot, ...group }: DraftGroup, virtualRouterId: number, { stranded }: RouterIdRequest) {
  return group.virtualRouterId === virtualRouterId && stranded?.has(slot) !== true;
}

function inMulticastGroup({ multicastGroup: _, ...group }: DraftGroup, multicastGroup: number | undefined): DraftGroup {
  return multicastGroup === undefined ? group : { ...group, multicastGroup };
}

/** Applies what a demand got of router ids: a group without one breaks up, its addresses go to others. */
function group(
  { demand, claims, kept, left, request }: RequestingDemand,
  grant: RouterIdGrant,
  multicastGroup: number | undefined,
): Grouped {
  const groups: DraftGroup[] = [];
  const ungrouped = [...kept.ungrouped];
  for (const each of kept.groups) {
    const virtualRouterId = grant.kept.get(each.slot);
    if (virtualRouterId === undefined) ungrouped.push(...each.addresses);
    else if (staysWhereItSpeaks(each, virtualRouterId, request)) groups.push(each);
    else groups.push(inMulticastGroup({ ...each, virtualRouterId }, multicastGroup));
  }
  ungrouped.sort((a, b) => compareText(a.sortKey, b.sortKey));
  const taken = kept.spare === undefined ? left : [...left, kept.spare.slot];
  const filled = fillGroups(groups, ungrouped, grant.fresh.slice(0, request.desired), taken, multicastGroup);
  if (demand.everywhere === true) return { ...filled, groups: asSeats(filled.groups, claims) };
  return {
    ...filled,
    groups: withSpare(filled.groups, demand.spare, { virtualRouterId: grant.spare, former: kept.spare, left }),
  };
}

function unavailableIds(input: PlanInput): UnavailableRouterIds {
  const { settings, foreignRouterIds, doubtfulRouterIds = new Set<number>() } = input;
  return { reserved: settings.reserved.virtualRouterIds, foreign: foreignRouterIds, doubtful: doubtfulRouterIds };
}

/**
 * Puts the addresses of every demand into groups, each with a router id: what one demand gets depends on what older ones have.
 * @returns oldest first
 */
export function groupDemands(input: PlanInput): GroupedDemand[] {
  const { demands, nodes, settings, nodeAddresses, departed = [] } = input;
  const sorted = oldestFirst(demands);
  const claims = claimAddresses(sorted, {
    reserved: settings.reserved.addresses,
    nodes,
    nodeAddresses: nodeAddresses?.counting ?? new Map(),
  });
  const previousOf = adoptGroups(sorted, claims, departed, settings.maxGroupsPerPool);
  const requesting = sorted.map((demand) => {
    const own = claims.get(demand.name) ?? { accepted: [], refused: [] };
    return requestOf(demand, own, previousOf(demand), settings);
  });
  const grants = allocateRouterIds(
    requesting.map(({ request }) => request),
    unavailableIds(input),
  );
  return requesting.map((each, index) => {
    const grant = grants[index] ?? { kept: new Map(), fresh: [], foreign: [] };
    const { demand, request } = each;
    const eligibility = eligibleNodes(demand.placement, nodes);
    return {
      demand,
      claims: each.claims,
      request,
      grant,
      grouped: group(each, grant, multicastGroupOf(demand, settings)),
      eligibility,
    };
  });
}
