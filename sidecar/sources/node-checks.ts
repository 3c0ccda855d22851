import type { CheckSpec } from '../checks/check-spec.ts';
import type { CheckName } from '../checks/types.ts';
import type { DesiredCheck } from '../desired/desired.ts';
import type { CheckEffect } from '../fitness/fitness.ts';

/** What it means for the node when one of its checks fails. */
const EFFECTS: Readonly<Record<CheckName, CheckEffect>> = {
  service: 'serviceFailed',
  proxy: 'serviceFailed',
  kubelet: 'kubeletFailed',
  kubeApi: 'noKubeApi',
};

/** The node's own checks, as an instance's fitness takes them. Pure. */
export function restingOn(checks: ReadonlyMap<CheckName, CheckSpec>): DesiredCheck[] {
  return Array.from(checks.keys(), (key) => ({ key, effect: EFFECTS[key] }));
}
