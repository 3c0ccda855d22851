import { Registry } from 'prom-client';
import { createMetrics, type Metrics } from '../server/metrics.ts';
import { healthySnapshot } from './snapshot.ts';

/** Metrics that nobody scrapes. */
export function unseenMetrics(): Metrics {
  return createMetrics({ registry: new Registry(), snapshot: healthySnapshot });
}
