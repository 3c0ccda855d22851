import type { RouterIdRange } from './types.ts';

/** What a demand has of router ids, and what it could use. */
export interface RouterIdRequest {
  readonly range: RouterIdRange;
  /** Whether the range is the demand's own; the common one is not used up by those who come first. */
  readonly ownRange: boolean;
  /** Whether its nodes speak by multicast: there advertisements of a foreign router with the same id are received, by unicast they are not. */
  readonly multicast: boolean;
  /** The groups it has, by slot. */
  readonly kept: ReadonlyMap<number, number>;
  /**
   * Its groups speak in a multicast group of their own, which foreign routers of the common one are not in. Absent: in the common one.
   */
  readonly apart?: {
    /** Slots of those that are in it; others had their ids before there was such a group. */
    readonly slots: ReadonlySet<number>;
  };
  /** Slots of groups that cannot go on where they speak: they get another id. Absent: none. */
  readonly stranded?: ReadonlySet<number>;
  /** New groups that it could use. */
  readonly desired: number;
  /** It could use one for a group that has no address yet; undefined: none. */
  readonly spare?: { /** That it had for it. */ readonly previous: number | undefined } | undefined;
}

/** What a demand gets. */
export interface RouterIdGrant {
  /** The groups it has, by slot: with the id they had wherever that is possible. A group for which there is none is left out. */
  readonly kept: ReadonlyMap<number, number>;
  /** For new groups, at most as many as desired. */
  readonly fresh: readonly number[];
  /** Groups that had, or still have, an id that a foreign router uses: `to` equals `from` where there was no other. */
  readonly foreign: readonly { readonly slot: number; readonly from: number; readonly to: number }[];
  /** For the group that has no address yet; undefined: none. */
  readonly spare?: number | undefined;
}

/** Ids that nobody may have anew, or only at need. */
export interface UnavailableRouterIds {
  readonly reserved: readonly number[];
  readonly foreign: ReadonlySet<number>;
  /** May be somebody else's: given only where there is no other. Absent: none. */
  readonly doubtful?: ReadonlySet<number>;
}

interface Draft {
  readonly request: RouterIdRequest;
  readonly kept: Map<number, number>;
  readonly fresh: number[];
  readonly foreign: { slot: number; from: number; to: number }[];
  readonly replace: { slot: number; from: number; foreign: boolean }[];
  spare?: number | undefined;
}

/**
 * One id in so many of the common range is left for demands to come: one that finds none left cannot have a single address, while one
 * with fewer groups only spreads more coarsely.
 */
const LEFT_FOR_OTHERS = 16;

function isIn({ first, last }: RouterIdRange, id: number): boolean {
  return id >= first && id <= last;
}

/** Hands ids out, each once. */
class Ids {
  readonly #used: Set<number>;
  readonly #foreign: ReadonlySet<number>;
  readonly #doubtful: ReadonlySet<number>;
  /** Ranges of all whose groups speak in the common multicast group. */
  readonly #common: readonly RouterIdRange[];

  constructor(
    { reserved, foreign, doubtful = new Set() }: UnavailableRouterIds,
    { common }: { readonly common: readonly RouterIdRange[] },
  ) {
    this.#used = new Set(reserved);
    this.#foreign = foreign;
    this.#doubtful = doubtful;
    this.#common = common;
  }

  /** How many of a range are free. */
  freeIn(range: RouterIdRange): number {
    return this.#free(range).filter((id) => !this.#foreign.has(id)).length;
  }

  /** Keeps an id for who has it; false when it is another's. */
  keep(id: number): boolean {
    if (this.#used.has(id)) return false;
    this.#used.add(id);
    return true;
  }

  /** The lowest free id of a range that nobody doubts, else the lowest free one; none if that would leave fewer than `leave`. */
  allocate(range: RouterIdRange, leave = 0): number | undefined {
    const free = this.#free(range).filter((id) => !this.#foreign.has(id));
    if (free.length <= leave) return undefined;
    return this.#take(free.find((each) => !this.#doubtful.has(each)) ?? free[0]);
  }

  /** One for a multicast group that foreign routers are not in: rather one that no group of the common one could have. */
  allocateApart(range: RouterIdRange): number | undefined {
    const free = this.#free(range);
    const unwanted = (id: number) => this.#foreign.has(id) || !this.#common.some((common) => isIn(common, id));
    return this.#take(free.find(unwanted) ?? free.find((id) => !this.#doubtful.has(id)) ?? free[0]);
  }

  /** One for a new group of a demand. @param leave so many are left to others, where it is of the common multicast group */
  allocateFor({ range, apart }: RouterIdRequest, leave = 0): number | undefined {
    return apart === undefined ? this.allocate(range, leave) : this.allocateApart(range);
  }

  #take(id: number | undefined): number | undefined {
    if (id !== undefined) this.#used.add(id);
    return id;
  }

  #free({ first, last }: RouterIdRange): number[] {
    const ids = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
    return ids.filter((id) => !this.#used.has(id));
  }
}

/** Whether a group is heard by foreign routers, and hears them. */
function hears({ multicast, apart }: RouterIdRequest, slot: number): boolean {
  return multicast && apart?.slots.has(slot) !== true;
}

function keepOld(request: RouterIdRequest, ids: Ids, foreignIds: ReadonlySet<number>): Draft {
  const draft: Draft = { request, kept: new Map(), fresh: [], foreign: [], replace: [] };
  for (const [slot, id] of [...request.kept].sort(([a], [b]) => a - b)) {
    const foreign = hears(request, slot) && foreignIds.has(id);
    const stays = isIn(request.range, id) && request.stranded?.has(slot) !== true;
    // What is foreign is kept for the time being: it is better than nothing.
    const usable = stays && ids.keep(id);
    if (usable) draft.kept.set(slot, id);
    if (!usable || foreign) draft.replace.push({ slot, from: id, foreign });
  }
  return draft;
}

function replaceLost({ request, kept, foreign: replaced, replace }: Draft, ids: Ids): void {
  for (const { slot, from, foreign } of replace) {
    const to = ids.allocateFor(request);
    if (to !== undefined) kept.set(slot, to);
    if (foreign) replaced.push({ slot, from, to: to ?? from });
  }
}

function leaveFor({ request: { range, ownRange }, kept, fresh }: Draft): number {
  if (ownRange || kept.size + fresh.length === 0) return 0;
  return Math.floor((range.last - range.first + 1) / LEFT_FOR_OTHERS);
}

function grantOne(draft: Draft, ids: Ids): boolean {
  if (draft.fresh.length >= draft.request.desired) return false;
  const id = ids.allocateFor(draft.request, leaveFor(draft));
  if (id === undefined) return false;
  draft.fresh.push(id);
  return true;
}

/** In rounds of one each, so that those who come first do not leave those behind them without any. */
function grantFresh(drafts: readonly Draft[], ids: Ids): void {
  let waiting = drafts;
  while (waiting.length > 0) waiting = waiting.filter((draft) => grantOne(draft, ids));
}

/** So many ids of the common range a group without an address leaves to demands to come. */
function leaveForAddresses({ range, ownRange }: RouterIdRequest): number {
  return ownRange ? 0 : Math.floor((range.last - range.first + 1) / LEFT_FOR_OTHERS);
}

function keepSpare(draft: Draft, ids: Ids, foreignIds: ReadonlySet<number>): void {
  const { range, multicast, spare } = draft.request;
  const id = spare?.previous;
  if (id === undefined || !isIn(range, id) || (multicast && foreignIds.has(id))) return;
  if (ids.freeIn(range) > leaveForAddresses(draft.request) && ids.keep(id)) draft.spare = id;
}

/** What is left over after all addresses: first those that have one keep it. */
function grantSpares(drafts: readonly Draft[], ids: Ids, foreignIds: ReadonlySet<number>): void {
  const wishing = drafts.filter(({ request }) => request.spare !== undefined);
  for (const draft of wishing) keepSpare(draft, ids, foreignIds);
  for (const draft of wishing) draft.spare ??= ids.allocate(draft.request.range, leaveForAddresses(draft.request));
}

/**
 * Gives every group of every demand a router id of its own: by multicast all share the segment. Those in multicast groups of their own as well,
 * because a keepalived that has two instances of one id on an interface takes the second for a new one whenever it is reloaded.
 *
 * An id is kept for as long as its group lives, because a change of it is an outage. It is given up when it left the demand's range, became
 * reserved, is an older demand's too, or is used by a foreign router that the nodes would listen to. That of a group without addresses is
 * given up as well where an address needs one and there is no other.
 *
 * @param requests of all demands, oldest first
 * @returns in the same order
 */
export function allocateRouterIds(
  requests: readonly RouterIdRequest[],
  unavailable: UnavailableRouterIds,
): RouterIdGrant[] {
  const spares = requests.map(({ spare }) => spare?.previous).filter((id) => id !== undefined);
  const common = requests.filter(({ apart }) => apart === undefined).map(({ range }) => range);
  const ids = new Ids({ ...unavailable, doubtful: new Set([...(unavailable.doubtful ?? []), ...spares]) }, { common });
  const drafts = requests.map((request) => keepOld(request, ids, unavailable.foreign));
  for (const draft of drafts) replaceLost(draft, ids);
  grantFresh(drafts, ids);
  grantSpares(drafts, ids, unavailable.foreign);
  return drafts.map(({ kept, fresh, foreign, spare }) => ({
    ...{ kept, fresh, foreign },
    ...(spare === undefined ? {} : { spare }),
  }));
}
