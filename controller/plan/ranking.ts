import { level } from './levelling.ts';

/** A group as ranking sees it. */
export interface RankedGroup {
  /** Its number of addresses. */
  readonly weight: number;
  /** Names of nodes in the order of the last plan; empty: it is new. */
  readonly previous: readonly string[];
}

/** Nodes and wishes for the groups of one pool. */
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
  /** Addresses that other pools put on a node: it decides between nodes that are alike within the pool. */
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

interface Pool {
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
function wishOf(draft: Draft | undefined, node: number): number {
  const place = draft?.previous.indexOf(node) ?? -1;
  return place < 0 ? Number.MAX_SAFE_INTEGER : place;
}

/** The last order's best node that is not taken yet: so the second choice follows the first when that is gone. */
function nextOf({ previous, order }: Draft, mayBe: (node: number) => boolean): number | undefined {
  return previous.find((node) => !order.includes(node) && mayBe(node));
}

function zerosFor({ numbers }: Pool): number[] {
  return numbers.map(() => 0);
}

function append(drafts: readonly Draft[], places: readonly number[]): void {
  for (const [index, draft] of drafts.entries()) {
    const node = places[index];
    if (node !== undefined) draft.order.push(node);
  }
}

/** First choices: no two nodes differ by more than 1. */
function chooseFirst(pool: Pool): void {
  const { drafts, numbers, elsewhere } = pool;
  const places = level({
    nodes: numbers,
    base: zerosFor(pool),
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, () => true) })),
    cost: (node) => elsewhere[node] ?? 0,
    reluctance: (item, node) => wishOf(drafts[item], node),
  });
  append(drafts, places);
}

function loadsByFirst(pool: Pool): number[] {
  const loads = zerosFor(pool);
  for (const { weight, order } of pool.drafts) {
    const first = order[0];
    if (first !== undefined) loads[first] = (loads[first] ?? 0) + weight;
  }
  return loads;
}

function groupByFirst({ drafts }: Pool): Map<number, Draft[]> {
  const groups = Map.groupBy(drafts, ({ order }) => order[0] ?? -1);
  groups.delete(-1);
  return groups;
}

/** Nodes that can replace one: in another zone where there is any. */
function successors({ numbers, zones }: Pool, lost: number): number[] {
  const others = numbers.filter((node) => node !== lost);
  if (zones === undefined) return others;
  const elsewhere = others.filter((node) => zones[node] !== zones[lost]);
  return elsewhere.length > 0 ? elsewhere : others;
}

/** Second choices for one node's groups: level without that node. */
function chooseSecondFor(pool: Pool, lost: number, drafts: readonly Draft[], chosen: number[], loads: number[]): void {
  const nodes = successors(pool, lost);
  const possible = new Set(nodes);
  const places = level({
    nodes,
    base: loads,
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, (node) => possible.has(node)) })),
    // Of nodes that are alike the one that seldom is second: so that the loss of a second node also is spread.
    cost: (node) => chosen[node] ?? 0,
    reluctance: (item, node) => wishOf(drafts[item], node),
  });
  append(drafts, places);
  for (const [index, node] of places.entries()) chosen[node] = (chosen[node] ?? 0) + (drafts[index]?.weight ?? 0);
}

/** Second choices: after the loss of any one node no two of the others differ by more than 1. */
function chooseSecond(pool: Pool): void {
  const loads = loadsByFirst(pool);
  const chosen = zerosFor(pool);
  for (const [lost, drafts] of [...groupByFirst(pool)].sort(([a], [b]) => a - b)) {
    const seconds = drafts.filter(({ room }) => room > 1);
    if (seconds.length > 0) chooseSecondFor(pool, lost, seconds, chosen, loads);
  }
}

/** Third and later choices: each node is so about as often. */
function chooseNext(pool: Pool, rank: number): void {
  const drafts = pool.drafts.filter(({ room }) => room > rank);
  if (drafts.length === 0) return;
  const places = level({
    nodes: pool.numbers,
    base: zerosFor(pool),
    items: drafts.map((draft) => ({ weight: draft.weight, current: nextOf(draft, () => true) })),
    allows: (item, node) => drafts[item]?.order.includes(node) === false,
    cost: (node) => pool.elsewhere[node] ?? 0,
    reluctance: (item, node) => wishOf(drafts[item], node),
  });
  append(drafts, places);
}

function finish({ order, previousCordoned }: Draft, { nodes, cordoned, maxCandidates }: Ranking): string[] {
  const names = order.map((node) => nodes[node]).filter((name) => name !== undefined);
  return [...new Set([...names, ...previousCordoned, ...cordoned])].slice(0, maxCandidates);
}

/**
 * Orders the nodes for each group of a pool.
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
  const pool: Pool = {
    drafts: ranking.groups.map((group) => draftOf(group, numbers, effective)),
    numbers: [...numbers.values()],
    zones: zoneOf === undefined ? undefined : nodes.map(zoneOf),
    elsewhere: nodes.map(ranking.elsewhere),
  };
  if (nodes.length > 0) chooseFirst(pool);
  chooseSecond(pool);
  for (let rank = UNCORDONED; rank < ranking.maxCandidates; rank += 1) chooseNext(pool, rank);
  return pool.drafts.map((draft) => finish(draft, effective));
}
