import { describe, expect, it } from 'vitest';
import { orderNodes, rankOf } from './rank.ts';

describe('the order of nodes', () => {
  it('is by name, each once, of pods that are not done', () => {
    const pods = [
      { nodeName: 'node3', phase: 'Running' },
      { nodeName: 'node1', phase: 'Pending' },
      { nodeName: 'node1', phase: 'Running' },
      { nodeName: 'node2', phase: 'Failed' },
      { nodeName: undefined, phase: 'Pending' },
    ];
    expect(orderNodes(pods)).toEqual(['node1', 'node3']);
  });
});

describe('a rank', () => {
  it('is the place in the order', () => {
    expect(rankOf(['a', 'b', 'c'], 'c', '192.0.2.8')).toBe(2);
  });

  it('is the address modulo 4 while the order does not name the node', () => {
    expect(rankOf([], 'c', '192.0.2.11')).toBe(3);
    expect(rankOf(['a'], 'c', '192.0.2.12')).toBe(0);
    expect(rankOf([], 'c', '2001:db8::a')).toBe(2);
    expect(rankOf([], 'c', '2001:db8::')).toBe(0);
  });

  it('is the last one when not even the address is known', () => {
    expect(rankOf([], 'c', '')).toBe(3);
  });
});
