import type { NodePlanSpec } from '../../api/node-plan.ts';
import { compareText } from '../../common/compare-text.ts';
import { sha256 } from '../../common/digest.ts';
import type { NodePlanContent } from '../plan/types.ts';

function withSortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareText(a, b)));
}

/** Identifies a plan: the first 16 hexadecimal digits of the SHA-256 of its JSON with sorted keys. */
export function planDigest({ pools, instances, spares, apart, loopback }: NodePlanContent): string {
  const json = JSON.stringify({ pools, instances, spares, apart, loopback }, withSortedKeys);
  return sha256(json).slice(0, 16);
}

/** The plan as it is written. */
export function nodePlanSpec(content: NodePlanContent): NodePlanSpec {
  return { plan: planDigest(content), ...content };
}
