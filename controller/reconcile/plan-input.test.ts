import { describe, expect, it } from 'vitest';
import type { NodePlan, NodePlanStatus, PlannedInstance } from '../../api/node-plan.ts';
import { checkSettings } from '../config/settings.ts';
import { settingsDocument } from '../testing/settings.ts';
import { planInput } from './plan-input.ts';

const checked = checkSettings(settingsDocument());
if (!checked.ok) throw new Error('the settings for tests are wrong');
const { settings } = checked;

function planWith(name: string, virtualRouterId: number, status: NodePlanStatus): NodePlan {
  const instance: PlannedInstance = {
    name: 'web-0',
    pool: 'web',
    virtualRouterId,
    rank: 0,
    addresses: ['192.0.2.101'],
  };
  return { metadata: { name }, spec: { plan: 'p2', pools: [], instances: [instance] }, status };
}

function foreignIn(...plans: NodePlan[]): number[] {
  const { foreignRouterIds } = planInput({ pools: [], plans, nodes: [], agents: new Set() }, settings);
  return [...foreignRouterIds];
}

describe('router ids of foreign routers', () => {
  it('are those that any node hears', () => {
    const quiet = planWith('node1', 21, { observedPlan: 'p2' });
    const hears = planWith('node2', 22, { observedPlan: 'p2', foreignRouterIds: [22, 51] });
    expect(foreignIn(quiet, hears)).toEqual([22, 51]);
  });

  it('are not believed while a node that is to use the id has not carried out its newest plan', () => {
    const behind = planWith('node1', 22, { observedPlan: 'p1' });
    const hears = planWith('node2', 22, { observedPlan: 'p2', foreignRouterIds: [22, 51] });
    expect(foreignIn(behind, hears)).toEqual([51]);
  });
});
