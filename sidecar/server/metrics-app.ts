import express, { type Express } from 'express';
import type { Registry } from 'prom-client';
import { poolMetrics } from './pool-metrics.ts';
import type { AgentSnapshot } from './status.ts';

interface MetricsAppDependencies {
  readonly registry: Registry;
  readonly snapshot: () => AgentSnapshot;
}

/** `GET /metrics` in Prometheus' text format. Never listens by itself. */
export function createMetricsApp({ registry, snapshot }: MetricsAppDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/metrics', async (_request, response) => {
    const text = await registry.metrics();
    response.set('Content-Type', registry.contentType);
    response.write(text);
    for (const part of poolMetrics(snapshot())) if (part !== '') response.write(part);
    response.end();
  });
  return app;
}
