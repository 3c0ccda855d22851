import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';
import Router from 'router';
import { sendJson, sendText } from '../../common/http-answer.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
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
  const routes = Router();
  const headers = pageHeaders(page);
  routes.use((_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    next();
  });
  routes.get('/healthz', (_request, response) => sendJson(response, { ok: true }));
  routes.get('/readyz', (_request, response) => {
    const reasons = unreadiness(snapshot());
    const ok = reasons.length === 0;
    sendJson(response, { ok, reasons }, ok ? HTTP_STATUS.ok : HTTP_STATUS.serviceUnavailable);
  });
  routes.get('/metrics', async (_request, response) => {
    sendText(response, await registry.metrics(), { 'Content-Type': registry.contentType });
  });
  routes.get('/status', (_request, response) => sendJson(response, statusOf(snapshot())));
  routes.get('/events', (request, response) => live.connect(request, response));
  routes.get('/', (_request, response) => sendText(response, page, headers));
  return answerTheRest(routes, onError);
}
