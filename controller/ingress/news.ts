import type { Condition } from '../../api/conditions.ts';
import type { ControlPlaneIngressStatus } from '../../api/control-plane-ingress.ts';

/** What is worth an Event: a condition that is there for another reason than before. */
export interface News {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

/** MetalK8s' names of Events: the condition's subject and its reason. `Ready` sums the others up. */
const SUBJECTS: Readonly<Record<string, string>> = {
  ControlPlaneIngressConfigured: 'ControlPlaneIngress',
  ControlPlaneIngressVirtualIPConfigured: 'ControlPlaneIngressVirtualIP',
  ControlPlaneIngressVirtualIPReady: 'ControlPlaneIngressVirtualIP',
};

function isNew({ type, status, reason }: Condition, before: readonly Condition[]): boolean {
  const known = before.find((condition) => condition.type === type);
  return known?.status !== status || known.reason !== reason;
}

/**
 * What of a status is news. Pure.
 * @param before the status as it is stored; undefined: there is none
 */
export function newsOf(before: ControlPlaneIngressStatus | undefined, after: ControlPlaneIngressStatus): News[] {
  const news = (after.conditions ?? [])
    .filter((condition) => isNew(condition, before?.conditions ?? []))
    .flatMap(({ type, status, reason, message }): News[] => {
      const subject = SUBJECTS[type];
      if (subject === undefined) return [];
      return [{ type: status === 'Unknown' ? 'Warning' : 'Normal', reason: `${subject}${reason}`, note: message }];
    });
  // Two conditions may say the same.
  return news.filter(({ reason }, index) => news.findIndex((other) => other.reason === reason) === index);
}
