import type { CheckName } from '../checks/types.ts';
import type { DesiredInstance } from '../desired/desired.ts';
import type { VrrpState } from '../keepalived/notify.ts';

/** Events that are counted as they happen; all other metrics are of a snapshot. */
export interface Metrics {
  /** Counts a change of an instance's VRRP state. */
  transition(
    instance: Pick<DesiredInstance, 'name'> & { readonly shown: Pick<DesiredInstance['shown'], 'as'> },
    state: VrrpState,
  ): void;
  /** Takes the duration of a probe. */
  probed(check: CheckName, outcome: string, durationSeconds: number): void;
  /** Counts clients that were asked whether they still have their connections. */
  asked(clients: number): void;
  /** Counts new settings that took effect at run time. */
  reloaded(): void;
  /** Counts settings that were refused at run time. */
  rejected(): void;
}

/** Where nobody counts. */
export const noMetrics: Metrics = {
  transition: () => undefined,
  probed: () => undefined,
  asked: () => undefined,
  reloaded: () => undefined,
  rejected: () => undefined,
};
