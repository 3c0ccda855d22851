import type { PlannedPool } from '../../api/node-plan.ts';
import type { Settings } from '../config/settings.ts';
import type { FitnessPolicy } from './fitness.ts';

/** The user's wishes for the instance of the settings. */
export function settingsPolicy(settings: Settings): FitnessPolicy {
  const { vrrp, lastResort } = settings;
  return {
    noPreempt: vrrp.noPreempt,
    failbackDelaySeconds: vrrp.failbackDelaySeconds,
    lastResort,
    kubeApiSettleSeconds: kubeApiSettleSeconds(settings),
  };
}

/** The user's wishes for the instances of a pool: its own for failback, the node's for everything else. */
export function poolPolicy(settings: Settings, pool: PlannedPool | undefined): FitnessPolicy {
  return {
    ...settingsPolicy(settings),
    noPreempt: false,
    failbackDelaySeconds: pool?.failbackDelaySeconds ?? null,
  };
}

/**
 * The longest time by which two nodes can differ in noticing that the API went away or came back: one interval and one time-out, one
 * time-out more where a node asked again because it had lagged itself, plus what VRRP takes to spread it.
 */
function kubeApiSettleSeconds({ checks: { kubeApi }, vrrp }: Settings): number {
  return kubeApi.intervalSeconds + 2 * kubeApi.timeoutSeconds + Math.max(1, 4 * vrrp.advertIntervalSeconds);
}
