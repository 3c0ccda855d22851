import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isElected, type Seat, yieldedSeats } from './seats.ts';

function seat(name: string, state: Seat['state'], rank = 0): Seat {
  return { name, elects: 'web', rank, state };
}

describe('seats', () => {
  it('elect the master of any of them', () => {
    expect(isElected([seat('web-0', 'BACKUP'), seat('web-1', 'MASTER')], 'web')).toBe(true);
    expect(isElected([seat('web-0', 'BACKUP'), seat('web-1', 'FAULT')], 'web')).toBe(false);
    expect(isElected([{ ...seat('other-0', 'MASTER'), elects: 'other' }], 'web')).toBe(false);
  });

  it('say nothing as long as of one nothing is known, unless another is had', () => {
    expect(isElected([seat('web-0', 'BACKUP'), seat('web-1', 'UNKNOWN')], 'web')).toBeUndefined();
    expect(isElected([seat('web-0', 'MASTER'), seat('web-1', 'UNKNOWN')], 'web')).toBe(true);
  });

  it('are left to others but for the one that the node is preferred for', () => {
    const all = [seat('web-0', 'MASTER', 2), seat('web-1', 'MASTER', 0), seat('web-2', 'BACKUP', 1)];
    expect(yieldedSeats(all, 'web')).toEqual(new Set(['web-0', 'web-2']));
    expect(yieldedSeats([seat('web-0', 'BACKUP'), seat('web-1', 'UNKNOWN')], 'web')).toEqual(new Set());
  });

  it('come to as many nodes as there are, from whatever was, in a few elections', () => {
    const shape = fc.record({
      nodes: fc.integer({ min: 1, max: 6 }),
      masters: fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }),
      ranks: fc.array(fc.nat(3), { minLength: 36, maxLength: 36 }),
    });
    fc.assert(
      fc.property(shape, ({ nodes, masters: begin, ranks }) => {
        let masters = begin.map((node) => node % nodes);
        const rank = (node: number, index: number) => ranks[node * 6 + index] ?? 0;
        const yields = (node: number): Set<string> =>
          yieldedSeats(
            masters.map((master, index) => seat(`${index}`, master === node ? 'MASTER' : 'BACKUP', rank(node, index))),
            'web',
          );
        /** Where priorities are the same, the address decides, as in VRRP. */
        const elect = (): number[] => {
          const left = Array.from({ length: nodes }, (_, node) => yields(node));
          return masters.map((_, index) => {
            const priority = (node: number) =>
              (left[node]?.has(`${index}`) ? 209 : 244) - rank(node, index) + node / 100;
            return left.map((_each, node) => node).toSorted((a, b) => priority(b) - priority(a))[0] ?? 0;
          });
        };
        for (let round = 0; round < 12; round += 1) masters = elect();
        expect(elect()).toEqual(masters);
        expect(new Set(masters).size).toBe(Math.min(nodes, masters.length));
      }),
    );
  });
});
