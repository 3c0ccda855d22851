import { Registry } from 'prom-client';
import type { Metrics } from '../status/metrics.ts';
import { createEventMetrics } from './event-metrics.ts';
import { createSnapshotMetrics, type Scrape } from './snapshot-metrics.ts';

/** The sidecar's metrics but those of pools; names and units as https://prometheus.io/docs/practices/naming/ has them. */
export interface ServedMetrics {
  readonly events: Metrics;
  readonly contentType: string;
  /** All of them in Prometheus' text format; gauges are those of the scrape. */
  text(scrape: Scrape): Promise<string>;
}

/** Metrics in which nothing is counted yet. */
export function createMetrics(): ServedMetrics {
  const registry = new Registry();
  // In the order in which they are shown.
  const show = createSnapshotMetrics(registry);
  const events = createEventMetrics(registry);
  return {
    events,
    contentType: registry.contentType,
    text: (scrape) => {
      show(scrape);
      return registry.metrics();
    },
  };
}
