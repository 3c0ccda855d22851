import express, { type Express } from 'express';
import type { Registry } from 'prom-client';

/** `GET /metrics` in Prometheus' text format. Never listens by itself. */
export function createMetricsApp({ registry }: { registry: Registry }): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/metrics', async (_request, response) => {
    response.set('Content-Type', registry.contentType).send(await registry.metrics());
  });
  return app;
}
