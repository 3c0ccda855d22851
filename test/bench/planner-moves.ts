import { makePlan } from '../../controller/plan/planner.ts';
import type { Plan } from '../../controller/plan/types.ts';
import { after, inputOf, type PlannerCase, withoutNode } from './planner.ts';

/** What the loss of one node moves. */
export interface PlannerMoves {
  readonly title: string;
  /** Addresses that the lost node had: no plan moves fewer. */
  readonly ofLostNode: number;
  /** Addresses that get another node when the plan before is remembered. */
  readonly stable: number;
  /** The same when the plan is made from scratch. */
  readonly fromScratch: number;
}

function nodesOf(plan: Plan): Map<string, string | undefined> {
  const groups = [...plan.demands.values()].flatMap((pool) => pool.groups);
  return new Map(groups.flatMap(({ addresses, nodes }) => addresses.map((address) => [address, nodes[0]])));
}

function moved(before: ReadonlyMap<string, string | undefined>, plan: Plan): number {
  const now = nodesOf(plan);
  return [...before].filter(([address, node]) => now.get(address) !== node).length;
}

/** Counts what moves when a node is lost: by the planner as it is, and by one that remembers nothing. */
export function countMoves(planned: PlannerCase): PlannerMoves {
  const first = inputOf(planned);
  const plan = makePlan(first);
  const remembering = withoutNode(after(first, plan), plan);
  const forgetting = withoutNode(first, plan);
  const left = new Set(forgetting.nodes.map(({ name }) => name));
  const before = nodesOf(plan);
  return {
    title: planned.title,
    ofLostNode: [...before.values()].filter((node) => node !== undefined && !left.has(node)).length,
    stable: moved(before, makePlan(remembering)),
    fromScratch: moved(before, makePlan(forgetting)),
  };
}
