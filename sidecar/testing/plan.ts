import type { NodePlanSpec, PlannedInstance } from '../../api/node-plan.ts';

/** A plan with one pool of as many instances, for tests to change one thing of. */
export function planOf(id: string, count = 2, instance: Partial<PlannedInstance> = {}): NodePlanSpec {
  return {
    plan: id,
    pools: [{ name: 'default', interface: '', failbackDelaySeconds: null }],
    instances: Array.from({ length: count }, (_, slot) => ({
      name: `default-${slot}`,
      pool: 'default',
      virtualRouterId: 20 + slot,
      rank: slot % 2,
      addresses: [`192.0.2.${101 + slot}`],
      ...instance,
    })),
  };
}
