import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodePlanSpec, NodePlanStatus } from '../../api/node-plan.ts';
import { apiDirectory } from './node-objects.ts';

/* The cluster's NodePlan objects: files that the API server stand-in serves. What the controller would write, tests write. */

/** The directory with a file for each plan. */
export function plansDirectory(lab: string): string {
  return join(apiDirectory(lab), 'plans');
}

/** Replaces the spec of a node's plan, in one step; null: removes the plan. */
export async function writePlan(lab: string, node: string, spec: NodePlanSpec | null): Promise<void> {
  const directory = plansDirectory(lab);
  const file = join(directory, `${node}.json`);
  if (spec === null) {
    await rm(file, { force: true });
    return;
  }
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, `.${node}.new`);
  await writeFile(temporary, JSON.stringify(spec));
  await rename(temporary, file);
}

/** What a node's agent wrote into the status of its plan last; undefined when it wrote nothing. */
export async function readPlanStatus(lab: string, node: string): Promise<NodePlanStatus | undefined> {
  const text = await readFile(join(plansDirectory(lab), `.${node}.status`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as NodePlanStatus);
}
