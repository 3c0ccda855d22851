import type { RequestListener } from 'node:http';
import express from 'express';
import type { Registry } from 'prom-client';
import { sha256 } from '../../common/digest.ts';
import { answerTheRest } from '../../common/last-answers.ts';
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

function hashOf(page: string, element: 'style' | 'script'): string {
  const content = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page)?.[1] ?? '';
  return `'sha256-${sha256(content, 'base64')}'`;
}

/** The page may run its own script, use its own style and ask this server; nothing else, from nowhere else. */
function contentPolicy(page: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(page, 'script')}`,
    `style-src ${hashOf(page, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Health, metrics, status and the page. Never listens by itself. */
export function createApp({ snapshot, registry, live, page, onError }: AppDependencies): RequestListener {
  const app = express();
  const policy = contentPolicy(page);
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
    response.set({ 'Content-Security-Policy': policy, 'Content-Type': 'text/html; charset=utf-8' }).send(page);
  });
  return answerTheRest(app, onError);
}
