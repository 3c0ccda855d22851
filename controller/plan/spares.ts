import { type ParsedAddress, parseAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { type DraftGroup, emptySlots, type Kept } from './grouping.ts';
import type { RememberedGroup, SpareGroup } from './types.ts';

/*
 * Spare groups: one of a demand that has no address yet. Its VRRP instance runs, and has elected a node, so that an address which joins it
 * is answered for as soon as that node has it. See docs/adr/0074-a-group-is-ready-before-its-address.md.
 */

/** What is left of the last plan's groups, and which of them is the spare one. */
export interface KeptWithSpare extends Kept {
  /** Undefined: there is none, or it has just got an address. */
  readonly spare: DraftGroup | undefined;
}

/** The group that was spare, else one whose addresses have gone: its instance runs already. */
function formerSpare(previous: readonly RememberedGroup[], { groups }: Kept): RememberedGroup | undefined {
  const used = new Set(groups.map(({ slot }) => slot));
  const empty = previous.filter(({ slot }) => !used.has(slot)).toSorted((a, b) => a.slot - b.slot);
  return empty.find(({ addresses }) => addresses.length === 0) ?? empty[0];
}

function firstFitting({ ungrouped }: Kept, { fits }: SpareGroup): ParsedAddress | undefined {
  const fitting = ungrouped.filter(({ address }) => fits(address));
  return fitting.toSorted((a, b) => compareText(a.sortKey, b.sortKey))[0];
}

/**
 * Finds the spare group of the last plan, and has the first of the new addresses join it. From then on it is a group like others. Pure.
 * @param wish undefined: there is to be none
 * @param kept what is left of the groups that have addresses
 */
export function keepSpare(
  previous: readonly RememberedGroup[],
  wish: SpareGroup | undefined,
  kept: Kept,
): KeptWithSpare {
  const former = wish && formerSpare(previous, kept);
  if (wish === undefined || former === undefined) return { ...kept, spare: undefined };
  const { slot, virtualRouterId, nodes } = former;
  const draft = { slot, virtualRouterId, previousNodes: nodes };
  const joins = firstFitting(kept, wish);
  if (joins === undefined) return { ...kept, spare: { ...draft, addresses: [] } };
  return {
    groups: [...kept.groups, { ...draft, addresses: [joins] }].toSorted((a, b) => a.slot - b.slot),
    ungrouped: kept.ungrouped.filter((address) => address !== joins),
    spare: undefined,
  };
}

/**
 * Adds the spare group to the others. Pure.
 * @param from.virtualRouterId undefined: there is none for it
 * @param from.former the one of the last plan
 * @param from.left slots that a new one does not get
 */
export function withSpare(
  groups: readonly DraftGroup[],
  wish: SpareGroup | undefined,
  from: {
    readonly virtualRouterId: number | undefined;
    readonly former: DraftGroup | undefined;
    readonly left: readonly number[];
  },
): DraftGroup[] {
  const { virtualRouterId, former, left } = from;
  const like = wish && parseAddress(wish.like);
  if (like === undefined || virtualRouterId === undefined) return [...groups];
  // With another id it is another group, which has no name that one of before has left.
  const isFormer = former !== undefined && (former.virtualRouterId === virtualRouterId || !left.includes(former.slot));
  const slot = isFormer ? former.slot : (emptySlots(groups, 1, left)[0] ?? 0);
  const spare = { slot, virtualRouterId, addresses: [], previousNodes: former?.previousNodes ?? [], like };
  return [...groups, spare].toSorted((a, b) => a.slot - b.slot);
}
