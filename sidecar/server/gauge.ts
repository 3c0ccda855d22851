import { Gauge, type Registry } from 'prom-client';
import type { AgentSnapshot } from './status.ts';

/** What metrics are made of. */
export interface MetricsDependencies {
  readonly registry: Registry;
  readonly snapshot: () => AgentSnapshot;
  /** Longest standstill of the event loop, in milliseconds, since the last call. */
  readonly takeLagMillis: () => number;
}

/** Registers a gauge whose values are collected anew for each scrape; what is not set is left out. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  collect: (gauge: Gauge) => void,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      // Without labels a reset means 0, which would be an answer; what is not known is left out.
      if (labelNames.length === 0) this.remove();
      collect(this);
    },
  });
}
