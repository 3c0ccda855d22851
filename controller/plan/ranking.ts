import { level } from './levelling.ts';

/** A group as ranking sees it. */
export interface RankedGroup {
  /** Its number of addresses. */
  readonly weight: number;
  /** Names of nodes in the order of the last plan; empty: it is new. */
  readonly previous: readonly string[];
}

/** Nodes for the groups of one demand, and what is to be kept in mind. */
export interface Ranking {
  readonly groups: readonly RankedGroup[];
  /** Names of the nodes that may hold addresses, sorted. */
  readonly nodes: readonly string[];
  /** Names of those that may, but are about to go, sorted. */
  readonly cordoned: readonly string[];
  /** Nodes for a group, at most; at least 1. */
  readonly maxCandidates: number;
  /** The zone that first and second choice should differ in; absent: no matter. A node without one is in the zone ''. */
  readonly zoneOf?: (node: string) => string;
  /** Addresses that other demands put on a node: it decides between nodes that are alike within this one. */
  readonly elsewhere: (node: string) => number;
}

interface Draft {
  readonly weight: number;
  /** Nodes of the last order that may be chosen, by number. */
  readonly previous: readonly number[];
  readonly previousCordoned: readonly string[];
  /** Nodes that are not cordoned and go into the order. */
  readonly room: number;
  readonly order: number[];
}

interface State {
  readonly drafts: readonly Draft[];
  readonly numbers: readonly number[];
  readonly zones: readonly string[] | undefined;
  readonly elsewhere: readonly number[];
}

/** The first and the second choice are never given up for a cordoned node. */
const UNCORDONED = 2;

function draftOf({ weight, previous }: RankedGroup, numbers: ReadonlyMap<string, number>, ranking: Ranking): Draft {
  const cordoned = new Set(ranking.cordoned);
  // A cordoned node stays where it was: it may hold addresses at this moment.
  const previousCordoned = previous.filter((node) => cordoned.has(node));
  const room = Math.max(UNCORDONED, ranking.maxCandidates - previousCordoned.length);
  return {
    weight,
    previous: [...new Set(previous)].map((node) => numbers.get(node)).filter((node) => node !== undefined),
    previousCordoned,
    room: Math.min(room, ranking.maxCandidates, numbers.size),
    order: [],
  };
}

/** Where a group was in the last order, for choosing between groups; one that was not there comes last. */
function preferenceOf(draft: Draft | undefined, node: number): number {
  const place = draft?.previous.indexOf(node) ?? -1;
  return place < 0 ? Number.MAX_SAFE_INTEGER : place;
}

/** The last order's best node that is not chosen yet: so the second choice follows the first when that is gone. */
function nextOf({ previous, order }: Draft, mayBe: (node: number) => boolean): number | undefined {
  return previous.find((node) => !order.includes(node) && mayBe(node));
}

function zerosFor({ numbers }: State): number[] {
  return numbers.map(() => 0);
}

function append(drafts: readonly Draft[], places: readonly number[]): void {
  for (const [index, draft] of drafts.entries()) {
    const node = places[index];
    if (node !== undefined) draft.order.push(node);
  }
}

/** First choices: no two nodes differ by more than 1. */
function chooseFirst(state: State): void {
  const { drafts, numbers, elsewhere } = state;
  const places = level({
    nodes: numbers,
    base: zerosFor(state),
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, () => true) })),
    cost: (node) => elsewhere[node] ?? 0,
    reluctance: (item, node) => preferenceOf(drafts[item], node),
  });
  append(drafts, places);
}

function loadsByFirst(state: State): number[] {
  const loads = zerosFor(state);
  for (const { weight, order } of state.drafts) {
    const first = order[0];
    if (first !== undefined) loads[first] = (loads[first] ?? 0) + weight;
  }
  return loads;
}

function groupByFirst({ drafts }: State): Map<number, Draft[]> {
  const groups = Map.groupBy(drafts, ({ order }) => order[0] ?? -1);
  groups.delete(-1);
  return groups;
}

/** Nodes that can replace one: in another zone where there is any. */
function successors({ numbers, zones }: State, lost: number): number[] {
  const others = numbers.filter((node) => node !== lost);
  if (zones === undefined) return others;
  const elsewhere = others.filter((node) => zones[node] !== zones[lost]);
  return elsewhere.length > 0 ? elsewhere : others;
}

/** Second choices for one node's groups: level without that node. */
function chooseSecondFor(
  state: State,
  lost: number,
  drafts: readonly Draft[],
  chosen: number[],
  loads: number[],
): void {
  const nodes = successors(state, lost);
  const possible = new Set(nodes);
  const places = level({
    nodes,
    base: loads,
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, (node) => possible.has(node)) })),
    // Of nodes that are alike the one that seldom is second: so that the loss of a second node also is spread.
    cost: (node) => chosen[node] ?? 0,
    reluctance: (item, node) => preferenceOf(drafts[item], node),
  });
  append(drafts, places);
  for (const [index, node] of places.entries()) chosen[node] = (chosen[node] ?? 0) + (drafts[index]?.weight ?? 0);
}

/** Second choices: after the loss of any one node no two of the others differ by more than 1. */
function chooseSecond(state: State): void {
  const loads = loadsByFirst(state);
  const chosen = zerosFor(state);
  for (const [lost, drafts] of [...groupByFirst(state)].sort(([a], [b]) => a - b)) {
    const seconds = drafts.filter(({ room }) => room > 1);
    if (seconds.length > 0) chooseSecondFor(state, lost, seconds, chosen, loads);
  }
}

/** Third and later choices: each node is so about as often. */
function chooseNext(state: State, rank: number): void {
  const drafts = state.drafts.filter(({ room }) => room > rank);
  if (drafts.length === 0) return;
  const places = level({
    nodes: state.numbers,
    base: zerosFor(state),
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, () => true) })),
    allows: (item, node) => drafts[item]?.order.includes(node) === false,
    cost: (node) => state.elsewhere[node] ?? 0,
    reluctance: (item, node) => preferenceOf(drafts[item], node),
  });
  append(drafts, places);
}

function finish({ order, previousCordoned }: Draft, { nodes, cordoned, maxCandidates }: Ranking): string[] {
  const names = order.map((node) => nodes[node]).filter((name) => name !== undefined);
  return [...new Set([...names, ...previousCordoned, ...cordoned])].slice(0, maxCandidates);
}

/**
 * Orders the nodes for each group of a demand.
 *
 * The last order is kept wherever the balance allows it. A group whose first node is gone goes to its second, which was chosen so that
 * the result is level; a new node gets its share and no more.
 *
 * @returns names of nodes for each group, the first is the planned holder; empty when there is no node
 */
export function rankNodes(ranking: Ranking): string[][] {
  // Where all are cordoned it makes no difference.
  const { zoneOf } = ranking;
  const nodes = ranking.nodes.length > 0 ? ranking.nodes : ranking.cordoned;
  const cordoned = ranking.nodes.length > 0 ? ranking.cordoned : [];
  const effective = { ...ranking, nodes, cordoned };
  const numbers = new Map(nodes.map((name, number) => [name, number]));
  const state: State = {
    drafts: ranking.groups.map((group) => draftOf(group, numbers, effective)),
    numbers: [...numbers.values()],
    zones: zoneOf === undefined ? undefined : nodes.map(zoneOf),
    elsewhere: nodes.map(ranking.elsewhere),
  };
  if (nodes.length > 0) chooseFirst(state);
  chooseSecond(state);
  for (let rank = UNCORDONED; rank < ranking.maxCandidates; rank += 1) chooseNext(state, rank);
  return state.drafts.map((draft) => finish(draft, effective));
}
