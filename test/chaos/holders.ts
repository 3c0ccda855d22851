import type { HoldingChange } from '../support/holdings.ts';

/** A time during which the same nodes had an address on an interface, in milliseconds of CLOCK_MONOTONIC. */
export interface HolderSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodes: readonly string[];
}

/** A time during which nobody could reach a node, or nothing on it ran. */
export interface Isolation {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was seen of one address. */
export interface Observed {
  /** Nodes that had it at `fromMs`. */
  readonly initial: readonly string[];
  /** What changed since, in any order. */
  readonly events: readonly Pick<HoldingChange, 'atMs' | 'node' | 'added'>[];
  readonly fromMs: number;
  readonly toMs: number;
}

function withoutEmpty(spans: readonly HolderSpan[]): HolderSpan[] {
  return spans.filter(({ fromMs, toMs }) => toMs > fromMs);
}

/** Who had the address when, without gaps. Pure. */
export function holderSpans({ initial, events, fromMs, toMs }: Observed): HolderSpan[] {
  const spans: HolderSpan[] = [];
  const nodes = new Set(initial);
  let sinceMs = fromMs;
  for (const { atMs, node, added } of events.toSorted((a, b) => a.atMs - b.atMs)) {
    if (atMs < fromMs || atMs >= toMs) continue;
    spans.push({ fromMs: sinceMs, toMs: atMs, nodes: [...nodes] });
    sinceMs = atMs;
    if (added) nodes.add(node);
    else nodes.delete(node);
  }
  return withoutEmpty([...spans, { fromMs: sinceMs, toMs, nodes: [...nodes] }]);
}

/** The same without the nodes that were isolated at the time: a node that cannot be reached can neither know nor disturb. Pure. */
export function reachableSpans(spans: readonly HolderSpan[], isolations: readonly Isolation[]): HolderSpan[] {
  const limits = isolations.flatMap(({ fromMs, toMs }) => [fromMs, toMs]).toSorted((a, b) => a - b);
  const pieces = spans.flatMap((span) => {
    const inside = limits.filter((limit) => limit > span.fromMs && limit < span.toMs);
    const edges = [span.fromMs, ...inside, span.toMs];
    return edges.slice(1).map((toMs, index) => ({ ...span, fromMs: edges[index] ?? span.fromMs, toMs }));
  });
  return withoutEmpty(pieces).map((piece) => ({
    ...piece,
    nodes: piece.nodes.filter(
      (node) => !isolations.some((each) => each.node === node && each.fromMs < piece.toMs && each.toMs > piece.fromMs),
    ),
  }));
}

/** The longest uninterrupted time for which a condition held, in milliseconds. Pure. */
export function longestWhere(spans: readonly HolderSpan[], holds: (span: HolderSpan) => boolean): number {
  let longest = 0;
  let lasted = 0;
  for (const span of spans) {
    lasted = holds(span) ? lasted + span.toMs - span.fromMs : 0;
    longest = Math.max(longest, lasted);
  }
  return longest;
}

/** The part of the spans that lies in a window. Pure. */
export function during(spans: readonly HolderSpan[], fromMs: number, toMs: number): HolderSpan[] {
  return withoutEmpty(
    spans.map((span) => ({ ...span, fromMs: Math.max(span.fromMs, fromMs), toMs: Math.min(span.toMs, toMs) })),
  );
}
