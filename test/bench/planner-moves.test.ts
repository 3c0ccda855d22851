import { describe, expect, it } from 'vitest';
import { PLANNER_CASES } from './planner.ts';
import { countMoves } from './planner-moves.ts';
import { movesTable } from './planner-report.ts';

describe('the moves of a plan', () => {
  it('are those of the lost node, where a plan from scratch moves others too', () => {
    const [small] = PLANNER_CASES;
    if (small === undefined) throw new Error('no case');
    const moves = countMoves(small);
    expect(moves).toMatchObject({ ofLostNode: 2, stable: 2 });
    expect(moves.fromScratch).toBeGreaterThan(moves.stable);
  });

  it('are compared in the table', () => {
    expect(movesTable([{ title: 'some nodes', ofLostNode: 4, stable: 4, fromScratch: 10 }])).toContain(
      '| some nodes | 4 | 4 | 10 | 2.5 x |',
    );
  });
});
