import type { RequestListener } from 'node:http';
import express from 'express';
import type { Registry } from 'prom-client';
import { answerTheRest } from './last-answers.ts';
import { poolMetrics } from './pool-metrics.ts';
import type { AgentSnapshot } from './status.ts';

interface MetricsAppDependencies {
  readonly registry: Registry;
  readonly snapshot: () => AgentSnapshot;
  /** Hears of errors that are not the client's. */
  readonly onError?: (error: unknown) => void;
}

/** `GET /metrics` in Prometheus' text format. Never listens by itself. */
export function createMetricsApp({ registry, snapshot, onError }: MetricsAppDependencies): RequestListener {
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
  return answerTheRest(app, onError);
}
