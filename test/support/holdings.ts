import { INTERFACE } from './netns.ts';

/* Who had which address when: judged from what the kernels of the nodes told. */

/** An address that came to an interface of a node, or left it. */
export interface HoldingChange {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly atMs: number;
  readonly node: string;
  readonly interface: string;
  readonly address: string;
  readonly added: boolean;
}

/** A time during which the same nodes had an address, in milliseconds of CLOCK_MONOTONIC. */
export interface HolderSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodes: readonly string[];
}

/** What was seen of one address. */
export interface Observed {
  /** Nodes that had it at `fromMs`, on their first interface. */
  readonly initial: readonly string[];
  /** What changed since, in any order. */
  readonly events: readonly (Pick<HoldingChange, 'atMs' | 'node' | 'added'> & { readonly interface?: string })[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** Who had the address when, without gaps; a node counts once, on however many of its interfaces it is. Pure. */
export function holderSpans({ initial, events, fromMs, toMs }: Observed): HolderSpan[] {
  const held = new Set(initial.map((node) => `${node} ${INTERFACE}`));
  const nodes = () => [...new Set([...held].map((place) => place.split(' ')[0] ?? ''))];
  const spans: HolderSpan[] = [];
  let sinceMs = fromMs;
  for (const { atMs, node, interface: on = INTERFACE, added } of events.toSorted((a, b) => a.atMs - b.atMs)) {
    if (atMs < fromMs || atMs >= toMs) continue;
    spans.push({ fromMs: sinceMs, toMs: atMs, nodes: nodes() });
    sinceMs = atMs;
    if (added) held.add(`${node} ${on}`);
    else held.delete(`${node} ${on}`);
  }
  return withoutEmpty([...spans, { fromMs: sinceMs, toMs, nodes: nodes() }]);
}

/** Those that are not over when they begin. Pure. */
export function withoutEmpty(spans: readonly HolderSpan[]): HolderSpan[] {
  return spans.filter(({ fromMs, toMs }) => toMs > fromMs);
}

/** The uninterrupted times for which a condition held, with those who had the address at the end of each. Pure. */
export function spansWhere(spans: readonly HolderSpan[], holds: (span: HolderSpan) => boolean): HolderSpan[] {
  const found: HolderSpan[] = [];
  for (const span of spans.filter(holds)) {
    const before = found.at(-1)?.toMs === span.fromMs ? found.pop() : undefined;
    found.push({ ...span, fromMs: before?.fromMs ?? span.fromMs });
  }
  return found;
}

/**
 * The times in which the number of nodes that hold an address is of a kind. Pure.
 * @param changes of one address, in order; nobody has it before the first
 * @param untilMs when the last spell ends
 */
export function spells(
  changes: readonly HoldingChange[],
  untilMs: number,
  isMeant: (holders: number) => boolean,
): HolderSpan[] {
  const observed = { initial: [], events: changes, fromMs: changes[0]?.atMs ?? untilMs, toMs: untilMs };
  return spansWhere(holderSpans(observed), ({ nodes }) => isMeant(nodes.length));
}

/** Where an address is after these changes: nodes with the interfaces. Pure. */
export function placesAfter(changes: readonly HoldingChange[]): { node: string; interface: string }[] {
  const held = new Map<string, { node: string; interface: string }>();
  for (const { node, interface: on, added } of changes) {
    const place = `${node} ${on}`;
    if (added) held.set(place, { node, interface: on });
    else held.delete(place);
  }
  return [...held.values()];
}

/**
 * How an address came and went in a time, with the holders at its beginning: `at first node2 eth1; 0.0 s: node1 got it on eth1; …`. Pure.
 * @param changes of one address, in order
 */
export function courseOf(changes: readonly HoldingChange[], fromMs: number, toMs: number): string {
  const before = placesAfter(changes.filter(({ atMs }) => atMs < fromMs));
  const first = before.map(({ node, interface: on }) => `${node} ${on}`).join(', ') || 'nobody';
  const later = changes
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    .map(({ atMs, node, interface: on, added }) => {
      return `${((atMs - fromMs) / 1000).toFixed(1)} s: ${node} ${added ? 'got it on' : 'lost it on'} ${on}`;
    });
  return [`at first ${first}`, ...later].join('; ');
}
