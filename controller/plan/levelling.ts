/*
 * Levels weights over nodes: what is well placed stays, what has no place gets one, and as little as possible moves until no two nodes
 * differ by more than 1, or no move helps any more. Nodes and items are numbers here, because this is where a plan spends its time.
 */

/** A group of addresses to be placed. */
export interface Item {
  /** Its number of addresses. */
  readonly weight: number;
  /** The node it should stay on; undefined: it has none yet. */
  readonly current: number | undefined;
}

/** Where items may go. */
export interface Levelling {
  /** Nodes to level, in the order in which they are taken when all else is equal. */
  readonly nodes: readonly number[];
  /** What each node, by its number, carries besides the items. */
  readonly base: readonly number[];
  readonly items: readonly Item[];
  /** Whether an item may be on a node. Each item needs at least one node. Default: everywhere. */
  readonly allows?: (item: number, node: number) => boolean;
  /** Of two nodes with the same load the one with less of this is taken. Default: 0. */
  readonly cost?: (node: number) => number;
  /** Of two items that would level alike the one with less of this is moved: how little it wants to be there. Default: 0. */
  readonly reluctance?: (item: number, node: number) => number;
}

interface Move {
  readonly item: number;
  readonly to: number;
}

interface State {
  readonly levelling: Levelling;
  readonly loads: number[];
  /** Node of each item. */
  readonly places: number[];
  /** Items of each node. */
  readonly held: Map<number, Set<number>>;
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
  const state: State = { levelling, loads: [...levelling.base], places: [], held: new Map() };
  const homeless: number[] = [];
  for (const [index, { current }] of levelling.items.entries()) {
    if (current === undefined) homeless.push(index);
    else put(state, index, current);
  }
  // The big ones first: what comes last evens out.
  homeless.sort((a, b) => weightOf(state, b) - weightOf(state, a) || a - b);
  for (const item of homeless) {
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
 * How far from level two nodes are after one with `gap` more gave `weight` to the other: the less, the better.
 * Undefined when it would not bring them closer.
 */
function remaining(gap: number, weight: number): number | undefined {
  return weight > 0 && weight < gap ? Math.abs(gap - 2 * weight) : undefined;
}

/** Whether one candidate, as a list of numbers to be small, is better than another. */
function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}

/** Where one item of a node would best go, and how good that is. */
function bestFor(state: State, item: number, from: number): { move: Move; merit: number[] } | undefined {
  const to = lightest(state, item);
  if (to === undefined) return undefined;
  const weight = weightOf(state, item);
  const left = remaining(loadOf(state, from) - loadOf(state, to), weight);
  if (left === undefined) return undefined;
  return { move: { item, to }, merit: [left, weight, state.levelling.reluctance?.(item, to) ?? 0, item] };
}

/** The best move of one item away from a node. */
function moveFrom(state: State, from: number): Move[] | undefined {
  let best: { move: Move; merit: number[] } | undefined;
  for (const item of state.held.get(from) ?? []) {
    const candidate = bestFor(state, item, from);
    if (candidate !== undefined && (best === undefined || isLess(candidate.merit, best.merit))) best = candidate;
  }
  return best === undefined ? undefined : [best.move];
}

/** Items of `from` that may go to `to` and weigh at most `limit` together; the big ones first. */
function bundle(state: State, from: number, to: number, limit: number): { items: number[]; weight: number } {
  const items: number[] = [];
  let weight = 0;
  const candidates = [...(state.held.get(from) ?? [])].sort((a, b) => weightOf(state, b) - weightOf(state, a) || a - b);
  for (const item of candidates) {
    const next = weight + weightOf(state, item);
    if (next > limit || !allows(state, item, to)) continue;
    items.push(item);
    weight = next;
  }
  return { items, weight };
}

/** One item of `high` for some of `low` that weigh less together. */
function exchange(state: State, item: number, high: number, low: number): Move[] | undefined {
  const gap = loadOf(state, high) - loadOf(state, low);
  const weight = weightOf(state, item);
  if (!allows(state, item, low)) return undefined;
  for (const limit of [weight - Math.ceil(gap / 2), weight - 1]) {
    const back = bundle(state, low, high, limit);
    if (back.items.length > 0 && remaining(gap, weight - back.weight) !== undefined) {
      return [{ item, to: low }, ...back.items.map((each) => ({ item: each, to: high }))];
    }
  }
  return undefined;
}

/** Of items that weigh the same one is enough to try. */
function oneOfEachWeight(state: State, node: number): number[] {
  const items = new Map<number, number>();
  for (const item of state.held.get(node) ?? []) {
    const weight = weightOf(state, item);
    items.set(weight, Math.min(item, items.get(weight) ?? item));
  }
  return [...items.values()];
}

function exchangeBetween(state: State, high: number, low: number): Move[] | undefined {
  if (loadOf(state, high) - loadOf(state, low) < 2) return undefined;
  // Without a rule on who may go where, items of one weight are alike.
  const items = state.levelling.allows === undefined ? oneOfEachWeight(state, high) : [...(state.held.get(high) ?? [])];
  for (const item of items.sort((a, b) => weightOf(state, a) - weightOf(state, b) || a - b)) {
    const moves = exchange(state, item, high, low);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

function anyExchange(state: State, sorted: readonly number[]): Move[] | undefined {
  for (const high of sorted) {
    for (const low of sorted.toReversed()) {
      const moves = exchangeBetween(state, high, low);
      if (moves !== undefined) return moves;
    }
  }
  return undefined;
}

function anyMove(state: State, sorted: readonly number[]): Move[] | undefined {
  for (const node of sorted) {
    const moves = moveFrom(state, node);
    if (moves !== undefined) return moves;
  }
  return undefined;
}

function isLevel(state: State): boolean {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const node of state.levelling.nodes) {
    const load = loadOf(state, node);
    least = Math.min(least, load);
    most = Math.max(most, load);
  }
  return most - least <= 1;
}

function improvement(state: State): Move[] | undefined {
  if (isLevel(state)) return undefined;
  const sorted = donors(state);
  return anyMove(state, sorted) ?? anyExchange(state, sorted);
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
