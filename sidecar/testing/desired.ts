import type { NodePlanSpec } from '../../api/node-plan.ts';
import { readNodeChecks } from '../checks/node-checks.ts';
import type { Settings } from '../config/settings.ts';
import type { Desired, DesiredInstance } from '../desired/desired.ts';
import { mergeDesired } from '../desired/merge.ts';
import { desiredByControlPlane } from '../sources/control-plane.ts';
import { desiredByPlan } from '../sources/plan/desired.ts';
import { desiredBySettings } from '../sources/settings.ts';
import { planOf } from './plan.ts';
import { defaultSettings } from './settings.ts';

/** What settings and a plan ask of a node that is first in the order of preference. */
export function desiredOf(settings: Settings, plan: NodePlanSpec | null = null): Desired {
  const accepted = { settings, checks: readNodeChecks(settings.checks) };
  return mergeDesired(
    desiredBySettings(accepted, 0),
    desiredByControlPlane(accepted, 0),
    desiredByPlan({ plan, fresh: false }, accepted, '192.0.2.1'),
  );
}

/** An instance of a pool, for tests to change one thing of. */
export function pooledInstance(slot = 0): DesiredInstance {
  const instance = desiredOf(defaultSettings(), planOf('p', slot + 1)).instances.at(-1);
  if (instance === undefined) throw new Error('the plan has no instance');
  return instance;
}

/** An instance of the node's own, of another name than the one of the settings. */
export function anotherOwn(name: string, vrrp: Partial<DesiredInstance['vrrp']>): DesiredInstance {
  const [instance] = desiredOf(defaultSettings()).instances;
  if (instance === undefined) throw new Error('the settings have no instance');
  return { ...instance, name, vrrp: { ...instance.vrrp, ...vrrp } };
}
