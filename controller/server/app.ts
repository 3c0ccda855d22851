import type { RequestListener } from 'node:http';
import express from 'express';
import type { Registry } from 'prom-client';
import { answerTheRest } from '../../common/last-answers.ts';
import { pageHeaders } from '../../common/page-policy.ts';
import type { LiveStatus } from './live.ts';
import { type ControllerSnapshot, statusOf, unreadiness } from './status.ts';

interface AppDependencies {
  readonly snapshot: () => ControllerSnapshot;
  readonly registry: Registry;
  readonly live: LiveStatus;
  /** Text of the page: HTML with its style and its script inside. */
  readonly page: string;
  /** Hears of errors that are not the client's. */
  readonly onError?: (error: unknown) => void;
}

/** Health, metrics, status and the page. Never listens by itself. */
export function createApp({ snapshot, registry, live, page, onError }: AppDependencies): RequestListener {
  const app = express();
  const headers = pageHeaders(page);
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set({
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    next();
  });
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true });
  });
  app.get('/readyz', (_request, response) => {
    const reasons = unreadiness(snapshot());
    response.status(reasons.length === 0 ? 200 : 503).json({ ok: reasons.length === 0, reasons });
  });
  app.get('/metrics', async (_request, response) => {
    response.set('Content-Type', registry.contentType).send(await registry.metrics());
  });
  app.get('/status', (_request, response) => {
    response.json(statusOf(snapshot()));
  });
  app.get('/events', (request, response) => live.connect(request, response));
  app.get('/', (_request, response) => {
    response.set(headers).send(page);
  });
  return answerTheRest(app, onError);
}
