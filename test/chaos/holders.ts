import { type HolderSpan, spansWhere, withoutEmpty } from '../support/holdings.ts';

/** A time during which nobody could reach a node, or nothing on it ran. */
export interface Isolation {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
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
  return Math.max(0, ...spansWhere(spans, holds).map(({ fromMs, toMs }) => toMs - fromMs));
}

/** The part of the spans that lies in a window. Pure. */
export function during(spans: readonly HolderSpan[], fromMs: number, toMs: number): HolderSpan[] {
  return withoutEmpty(
    spans.map((span) => ({ ...span, fromMs: Math.max(span.fromMs, fromMs), toMs: Math.min(span.toMs, toMs) })),
  );
}
