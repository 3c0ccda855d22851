import type { Settings } from '../config/settings.ts';
import type { FitnessPolicy } from '../fitness/fitness.ts';

/** The fitness policy of the settings. Pure. */
export function policyOf(settings: Settings): FitnessPolicy {
  const { vrrp, lastResort } = settings;
  return {
    noPreempt: vrrp.noPreempt,
    failbackDelaySeconds: vrrp.failbackDelaySeconds,
    lastResort,
    kubeApiSettleSeconds: kubeApiSettleSeconds(settings),
  };
}

/**
 * The longest time by which two nodes can differ in noticing that the API went away or came back: one interval and one time-out, one
 * time-out more where a node asked again because it had lagged itself, plus what VRRP takes to spread it.
 */
function kubeApiSettleSeconds({ checks: { kubeApi }, vrrp }: Settings): number {
  return kubeApi.intervalSeconds + 2 * kubeApi.timeoutSeconds + Math.max(1, 4 * vrrp.advertIntervalSeconds);
}
