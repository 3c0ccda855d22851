import type { NodePlanSpec, NodePlanStatus } from '../../api/node-plan.ts';
import { ObjectFiles } from './api-objects.ts';

/* The cluster's NodePlan objects. What the controller would write, tests write. */

function files(lab: string): ObjectFiles<NodePlanSpec> {
  return new ObjectFiles(lab, 'nodeplans');
}

/** Replaces the spec of a node's plan, in one step; null: removes the plan. */
export function writePlan(lab: string, node: string, spec: NodePlanSpec | null): Promise<void> {
  return spec === null ? files(lab).remove(node) : files(lab).write(node, { spec });
}

/** What a node's agent wrote into the status of its plan last; undefined when it wrote nothing. */
export async function readPlanStatus(lab: string, node: string): Promise<NodePlanStatus | undefined> {
  const text = await files(lab).statusText(node);
  return text === undefined ? undefined : (JSON.parse(text) as NodePlanStatus);
}
