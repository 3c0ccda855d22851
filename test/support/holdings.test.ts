import { describe, expect, it } from 'vitest';
import { courseOf, type HoldingChange, placesAfter, spells } from './holdings.ts';

const change = (atMs: number, node: string, added: boolean, on = 'eth0'): HoldingChange => ({
  atMs,
  node,
  interface: on,
  address: '172.30.0.100',
  added,
});
const several = (holders: number) => holders > 1;
const none = (holders: number) => holders === 0;

describe('spells', () => {
  it('finds no second holder where one gives it to the next', () => {
    const moved = [change(0, 'node1', true), change(10, 'node1', false), change(12, 'node2', true)];
    expect(spells(moved, 100, several)).toEqual([]);
    expect(spells(moved, 100, none)).toEqual([{ fromMs: 10, toMs: 12, nodes: [] }]);
  });

  it('finds a time with two holders, which a third does not shorten', () => {
    const doubled = [change(0, 'node1', true), change(10, 'node2', true), change(500, 'node3', true)];
    expect(spells(doubled, 2000, several)).toEqual([{ fromMs: 10, toMs: 2000, nodes: ['node1', 'node2', 'node3'] }]);
  });

  it('ends when one of two gives it up', () => {
    const doubled = [change(0, 'node1', true), change(10, 'node2', true), change(60, 'node1', false)];
    expect(spells(doubled, 2000, several)).toEqual([{ fromMs: 10, toMs: 60, nodes: ['node1', 'node2'] }]);
  });

  it('counts a node once, on however many of its interfaces the address is', () => {
    expect(spells([change(0, 'node1', true), change(5, 'node1', true, 'eth1')], 100, several)).toEqual([]);
  });
});

describe('placesAfter', () => {
  it('gives node and interface of what is left', () => {
    const changes = [change(0, 'node1', true), change(5, 'node1', true, 'eth1'), change(9, 'node1', false)];
    expect(placesAfter(changes)).toEqual([{ node: 'node1', interface: 'eth1' }]);
  });
});

describe('courseOf', () => {
  const changes = [
    change(0, 'node2', true),
    change(1000, 'node1', true),
    change(3100, 'node2', false),
    change(9000, 'node1', false),
  ];

  it('tells who had it and what came of it in a time', () => {
    expect(courseOf(changes, 1000, 3100)).toBe(
      'at first node2 eth0; 0.0 s: node1 got it on eth0; 2.1 s: node2 lost it on eth0',
    );
  });

  it('tells of a time that begins with nobody', () => {
    expect(courseOf(changes, 0, 500)).toBe('at first nobody; 0.0 s: node2 got it on eth0');
  });
});
