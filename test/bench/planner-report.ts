import { writtenBy } from './conditions.ts';
import { markdownTable, verdict } from './markdown.ts';
import { missedPlannerBudgets, PLANNER_BUDGET, type PlannerMeasurement, plannerTable } from './planner.ts';
import type { PlannerMoves } from './planner-moves.ts';

function ratio({ stable, fromScratch }: PlannerMoves): string {
  return stable === 0 ? '' : `${(fromScratch / stable).toFixed(1)} x`;
}

/** What the loss of a node moves, as a Markdown table. */
export function movesTable(moves: readonly PlannerMoves[]): string {
  const head = 'cluster | addresses of the lost node | moved | moved by a plan from scratch | from scratch / this';
  const rows = moves.map((each) => {
    return [each.title, String(each.ofLostNode), String(each.stable), String(each.fromScratch), ratio(each)];
  });
  return markdownTable(head, rows);
}

/** The planner's part of `docs/performance.md`. */
export function plannerPart(
  measurements: readonly PlannerMeasurement[],
  moves: readonly PlannerMoves[],
  date: string,
): string {
  const missed = missedPlannerBudgets(measurements);
  return `## The controller's plan

${writtenBy('bench -- --planner', date)}, Node ${process.version}. The planner alone, in one process: no API server,
no network. Promised are ${PLANNER_BUDGET.medianMs} ms for the median of each kind of plan, and ${PLANNER_BUDGET.heapMib} MiB for what one plan adds to the heap.

${plannerTable(measurements)}

What moves when one node is lost, counted in the same run. The reference is the same planner without its memory: a plan from scratch for the nodes that are left.

${movesTable(moves)}

${verdict(missed)}
`;
}
