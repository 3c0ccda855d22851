import type { CheckName } from '../checks/types.ts';
import type { VrrpState } from '../keepalived/notify.ts';

/** Events that are counted as they happen; all other metrics are of a snapshot. */
export interface Metrics {
  /** Counts a change of an instance's VRRP state; its pool is null for the instance of the settings. */
  transition(instance: { readonly name: string; readonly pool: string | null }, state: VrrpState): void;
  /** Takes the duration of a probe. */
  probed(check: CheckName, outcome: string, durationSeconds: number): void;
  /** Counts new settings that took effect at run time. */
  reloaded(): void;
  /** Counts settings that were refused at run time. */
  rejected(): void;
}

/** Where nobody counts. */
export const noMetrics: Metrics = {
  transition: () => undefined,
  probed: () => undefined,
  reloaded: () => undefined,
  rejected: () => undefined,
};
