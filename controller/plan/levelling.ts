/*
 * Levels weights over nodes: what is well placed stays, what has no place gets one, and as little as possible moves until no two nodes
 * differ by more than 1, or no move helps any more. Nodes and items are numbers here, because this is where a plan spends its time.
 */

/** Nodes are level when no two differ by more than this: one address is the least that can move. */
export const LEVEL_DIFFERENCE = 1;

/** A group of addresses to be placed. */
export interface Item {
  /** Its number of addresses. */
  readonly weight: number;
  /** The node it should stay on; undefined: it has none yet. */
  readonly current: number | undefined;
}

/** Where items may go. */
export interface Levelling {
  /** Nodes to level, in the order in which they are chosen when all else is equal. */
  readonly nodes: readonly number[];
  /** What each node, by its number, carries besides the items. */
  readonly base: readonly number[];
  readonly items: readonly Item[];
  /** Whether an item may be on a node. Each item needs at least one node. Default: everywhere. */
  readonly allows?: (item: number, node: number) => boolean;
  /** Of two nodes with the same load the one with less of this is chosen. Default: 0. */
  readonly cost?: (node: number) => number;
  /** Of two items that would level alike the one with less of this is moved: how badly it fits there. Default: 0. */
  readonly reluctance?: (item: number, node: number) => number;
}

interface Move {
  readonly item: number;
  readonly to: number;
}

interface State {
  readonly levelling: Levelling;
  /** Load of a node if all had the same. */
  readonly mean: number;
  readonly loads: number[];
  /** Node of each item. */
  readonly places: number[];
  /** Items of each node. */
  readonly held: Map<number, Set<number>>;
  /** The least load of a node at this moment. */
  least: number;
}

function weightOf({ levelling }: State, item: number): number {
  return levelling.items[item]?.weight ?? 0;
}

function loadOf({ loads }: State, node: number): number {
  return loads[node] ?? 0;
}

function allows({ levelling }: State, item: number, node: number): boolean {
  return levelling.allows?.(item, node) ?? true;
}

function put(state: State, item: number, node: number): void {
  state.places[item] = node;
  state.loads[node] = loadOf(state, node) + weightOf(state, item);
  const held = state.held.get(node);
  if (held === undefined) state.held.set(node, new Set([item]));
  else held.add(item);
}

function move(state: State, { item, to }: Move): void {
  const from = state.places[item] ?? to;
  state.loads[from] = loadOf(state, from) - weightOf(state, item);
  state.held.get(from)?.delete(item);
  put(state, item, to);
}

/** The node with the least load that may have the item. */
function lightest(state: State, item: number): number | undefined {
  const { nodes, cost = () => 0 } = state.levelling;
  let found: number | undefined;
  for (const node of nodes) {
    if (found !== undefined && loadOf(state, node) > loadOf(state, found)) continue;
    if (!allows(state, item, node)) continue;
    if (found === undefined || loadOf(state, node) < loadOf(state, found) || cost(node) < cost(found)) found = node;
  }
  return found;
}

function start(levelling: Levelling): State {
  const { nodes, base, items } = levelling;
  const total =
    items.reduce((sum, { weight }) => sum + weight, 0) + nodes.reduce((sum, node) => sum + (base[node] ?? 0), 0);
  const state: State = {
    levelling,
    mean: total / nodes.length,
    loads: [...levelling.base],
    places: [],
    held: new Map(),
    least: 0,
  };
  const unplaced: number[] = [];
  for (const [index, { current }] of levelling.items.entries()) {
    if (current === undefined) unplaced.push(index);
    else put(state, index, current);
  }
  // The big ones first: what comes last evens out.
  unplaced.sort((a, b) => weightOf(state, b) - weightOf(state, a) || a - b);
  for (const item of unplaced) {
    const node = lightest(state, item);
    if (node !== undefined) put(state, item, node);
  }
  return state;
}

/** Nodes with items, the most loaded first. */
function donors(state: State): number[] {
  const withItems = state.levelling.nodes.filter((node) => (state.held.get(node)?.size ?? 0) > 0);
  return withItems.sort((a, b) => loadOf(state, b) - loadOf(state, a));
}

/**
 * How far from level two nodes are after one gave `weight` to the other: the less, the better. Undefined when it would not bring them
 * closer, or take one of them past the mean although that is to be avoided: what goes past it has to come back from somewhere else.
 */
function remaining(state: State, high: number, low: number, weight: number, toMean: boolean): number | undefined {
  const gap = loadOf(state, high) - loadOf(state, low);
  if (weight <= 0 || weight >= gap) return undefined;
  const { mean } = state;
  if (toMean && (loadOf(state, high) - weight < Math.floor(mean) || loadOf(state, low) + weight > Math.ceil(mean))) {
    return undefined;
  }
  return Math.abs(gap - 2 * weight);
}

/** Whether one candidate, as a list of numbers to be small, is better than another. */
function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}

/** Where one item of a node would best go, and how good that is. */
function bestFor(
  state: State,
  item: number,
  from: number,
  toMean: boolean,
): { move: Move; merit: number[] } | undefined {
  const weight = weightOf(state, item);
  // Whoever could take it would then have more than this node.
  if (weight >= loadOf(state, from) - state.least) return undefined;
  const to = lightest(state, item);
  if (to === undefined) return undefined;
  const left = remaining(state, from, to, weight, toMean);
  if (left === undefined) return undefined;
  return { move: { item, to }, merit: [left, weight, state.levelling.reluctance?.(item, to) ?? 0, item] };
}

/** The best move of one item away from a node. */
function moveFrom(state: State, from: number, toMean: boolean): Move[] | undefined {
  let best: { move: Move; merit: number[] } | undefined;
  for (const item of state.held.get(from) ?? []) {
    const candidate = bestFor(state, item, from, toMean);
    if (candidate !== undefined && (best === undefined || isLess(candidate.merit, best.merit))) best = candidate;
  }
  return best === undefined ? undefined : [best.move];
}

/** The items of a node, the heavy ones first. */
function byWeight(state: State, node: number): number[] {
  return [...(state.held.get(node) ?? [])].sort((a, b) => weightOf(state, b) - weightOf(state, a) || a - b);
}

/** Some of the items, given the heavy ones first, that weigh at most `limit` together. */
function bundle(state: State, candidates: readonly number[], limit: number): { items: number[]; weight: number } {
  const items: number[] = [];
  let weight = 0;
  for (const item of candidates) {
    const next = weight + weightOf(state, item);
    if (next > limit) continue;
    items.push(item);
    weight = next;
  }
  return { items, weight };
}

/** A node's items as an exchange compares them. */
interface Side {
  readonly node: number;
  /** The heavy ones first. */
  readonly items: readonly number[];
}

/** One item of `high` for some of `low` that weigh less together. */
function exchange(state: State, item: number, high: Side, low: Side, toMean: boolean): Move[] | undefined {
  const gap = loadOf(state, high.node) - loadOf(state, low.node);
  const weight = weightOf(state, item);
  for (const limit of [weight - Math.ceil(gap / 2), weight - 1]) {
    const back = bundle(state, low.items, limit);
    const given = weight - back.weight;
    if (back.items.length > 0 && remaining(state, high.node, low.node, given, toMean) !== undefined) {
      return [{ item, to: low.node }, ...back.items.map((each) => ({ item: each, to: high.node }))];
    }
  }
  return undefined;
}

function exchangeBetween(state: State, high: Side, low: Side, toMean: boolean): Move[] | undefined {
  // Of items that weigh the same one is enough to try.
  const items = new Map(high.items.toReversed().map((item) => [weightOf(state, item), item]));
  for (const item of items.values()) {
    const moves = exchange(state, item, high, low, toMean);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

/** One node of all that carry the same, in the same order: what helps one helps each of them. */
function distinct(state: State, sorted: readonly number[]): Side[] {
  const sides = new Map<string, Side>();
  for (const node of sorted) {
    const items = byWeight(state, node);
    const key = [loadOf(state, node), ...items.map((item) => weightOf(state, item))].join(' ');
    if (!sides.has(key)) sides.set(key, { node, items });
  }
  return [...sides.values()];
}

function exchangeWith(state: State, high: Side, sides: readonly Side[], toMean: boolean): Move[] | undefined {
  for (const low of sides) {
    if (loadOf(state, high.node) - loadOf(state, low.node) <= LEVEL_DIFFERENCE) return undefined;
    const moves = exchangeBetween(state, high, low, toMean);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

function anyExchange(state: State, sorted: readonly number[], toMean: boolean): Move[] | undefined {
  // Where items may not go everywhere, single moves have to do: those are later choices, which need not be level to one address.
  if (state.levelling.allows !== undefined) return undefined;
  const sides = distinct(state, sorted);
  const lightFirst = sides.toReversed();
  for (const high of sides) {
    const moves = exchangeWith(state, high, lightFirst, toMean);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

function anyMove(state: State, sorted: readonly number[], toMean: boolean): Move[] | undefined {
  for (const node of sorted) {
    const moves = moveFrom(state, node, toMean);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

function extremes(state: State): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const node of state.levelling.nodes) {
    const load = loadOf(state, node);
    least = Math.min(least, load);
    most = Math.max(most, load);
  }
  return { least, most };
}

function improvement(state: State): Move[] | undefined {
  const { least, most } = extremes(state);
  if (most - least <= LEVEL_DIFFERENCE) return undefined;
  state.least = least;
  const sorted = donors(state);
  for (const toMean of [true, false]) {
    const moves = anyMove(state, sorted, toMean) ?? anyExchange(state, sorted, toMean);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

/**
 * Places every item.
 *
 * Every step brings two nodes closer to each other, so the sum of the squares of all loads falls and there is an end; and what is level is
 * left as it is, so that a second run with the result of the first changes nothing.
 *
 * @returns the node of each item
 */
export function level(levelling: Levelling): readonly number[] {
  const state = start(levelling);
  for (let moves = improvement(state); moves !== undefined; moves = improvement(state)) {
    for (const each of moves) move(state, each);
  }
  return state.places;
}
