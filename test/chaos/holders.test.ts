import { describe, expect, it } from 'vitest';
import { holderSpans } from '../support/holdings.ts';
import { longestWhere, reachableSpans } from './holders.ts';

function event(atMs: number, node: string, added: boolean) {
  return { atMs, node, address: '192.0.2.1', added };
}

describe('who held an address when', () => {
  const observed = {
    initial: ['node1'],
    events: [event(250, 'node1', false), event(200, 'node2', true)],
    fromMs: 100,
    toMs: 400,
  };

  it('follows what the kernels told, in the order of its moments', () => {
    expect(holderSpans(observed)).toEqual([
      { fromMs: 100, toMs: 200, nodes: ['node1'] },
      { fromMs: 200, toMs: 250, nodes: ['node1', 'node2'] },
      { fromMs: 250, toMs: 400, nodes: ['node2'] },
    ]);
  });

  it('is not moved by what was told before or afterwards', () => {
    const events = [event(50, 'node3', true), ...observed.events, event(400, 'node2', false)];
    expect(holderSpans({ ...observed, events })).toEqual(holderSpans(observed));
  });

  it('does not count a node while it is isolated, and counts it again from the repair on', () => {
    const spans = holderSpans({ ...observed, events: [event(200, 'node2', true)] });
    expect(reachableSpans(spans, [{ node: 'node1', fromMs: 150, toMs: 300 }])).toEqual([
      { fromMs: 100, toMs: 150, nodes: ['node1'] },
      { fromMs: 150, toMs: 200, nodes: [] },
      { fromMs: 200, toMs: 300, nodes: ['node2'] },
      { fromMs: 300, toMs: 400, nodes: ['node1', 'node2'] },
    ]);
  });

  it('adds up neighbouring spans of the same kind, and no others', () => {
    const spans = [
      { fromMs: 0, toMs: 10, nodes: ['a', 'b'] },
      { fromMs: 10, toMs: 15, nodes: ['b', 'c'] },
      { fromMs: 15, toMs: 20, nodes: ['c'] },
      { fromMs: 20, toMs: 28, nodes: ['a', 'c'] },
    ];
    expect(longestWhere(spans, ({ nodes }) => nodes.length > 1)).toBe(15);
  });
});
