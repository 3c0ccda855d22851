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
  const names = (...nodes: string[]) => ({ nodes, addresses: [] });
  const node = (nodeAddress: string) => ({ node: 'c', nodeAddress });

  it('is the place in the order', () => {
    expect(rankOf(names('a', 'b', 'c'), node('192.0.2.8'))).toBe(2);
  });

  it('is the place in the list of the settings, where that has the node, whatever the API says', () => {
    const addresses = ['192.0.2.9', '192.0.2.8', '2001:db8::a'];
    expect(rankOf({ nodes: ['a', 'b', 'c'], addresses }, node('192.0.2.8'))).toBe(1);
    expect(rankOf({ nodes: [], addresses }, node('2001:DB8:0::a'))).toBe(2);
    expect(rankOf({ nodes: ['c'], addresses }, node('192.0.2.7'))).toBe(0);
  });

  it('is the address modulo 4 while the order does not name the node', () => {
    expect(rankOf(names(), node('192.0.2.11'))).toBe(3);
    expect(rankOf(names('a'), node('192.0.2.12'))).toBe(0);
    expect(rankOf(names(), node('2001:db8::a'))).toBe(2);
    expect(rankOf(names(), node('2001:db8::'))).toBe(0);
  });

  it('is the last one when not even the address is known', () => {
    expect(rankOf(names(), node(''))).toBe(3);
  });
});
