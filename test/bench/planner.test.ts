import { describe, expect, it } from 'vitest';
import { measurePlanner, missedPlannerBudgets, PLANNER_CASES, plannerTable } from './planner.ts';

describe('the planner bench', () => {
  const [small] = PLANNER_CASES;
  if (small === undefined) throw new Error('no case');
  const measured = measurePlanner(small);

  it('measures a case and keeps its promises', () => {
    expect(measured).toMatchObject({ groups: 6, skew: 0 });
    expect(missedPlannerBudgets([measured])).toEqual([]);
    expect(plannerTable([measured])).toContain('| 3 nodes, 6 addresses | ');
  });

  it('names the promises that were not kept', () => {
    expect(missedPlannerBudgets([{ ...measured, nodeLostMs: 201, heapMib: 250 }])).toEqual([
      '3 nodes, 6 addresses: 201 ms, promised 200 ms',
      '3 nodes, 6 addresses: 250 MiB, promised 200 MiB',
    ]);
  });
});
