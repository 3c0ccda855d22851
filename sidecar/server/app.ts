import type { RequestListener, ServerResponse } from 'node:http';
import Router from 'router';
import { sendJson, sendText } from '../../common/http-answer.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { answerTheRest } from '../../common/last-answers.ts';
import { pageHeaders } from '../../common/page-policy.ts';
import type { SidecarSnapshot } from '../status/snapshot.ts';
import { statusText } from '../status/status-document.ts';
import { pulse, readiness, trackCheck, trackInstance, trackNode, type Verdict } from '../status/verdicts.ts';

interface AppDependencies {
  /** Text of the page: HTML with its style and its script inside. Absent: there is none. */
  readonly page?: string;
  readonly snapshot: () => SidecarSnapshot;
  readonly onError?: (error: unknown) => void;
}

function send(response: ServerResponse, { status, body }: Verdict): void {
  sendJson(response, body, status);
}

/**
 * The track, pulse, health and status endpoints, and the page that shows the status. Never listens by itself.
 * @param dependencies.snapshot what the sidecar knows at the moment it is called
 * @param dependencies.onError called with errors that are not the client's
 */
export function createApp({ page, snapshot, onError }: AppDependencies): RequestListener {
  const routes = Router();
  routes.get('/track', (_request, response) => send(response, trackNode(snapshot())));
  routes.get('/track/:name', (request, response) => {
    const { name } = request.params;
    const known = snapshot();
    const answer = trackCheck(known, name) ?? trackInstance(known, name);
    if (answer !== undefined) send(response, answer);
    else {
      const reason = 'no such check and no such instance of a pool; there are the checks service, kubelet and kubeApi';
      sendJson(response, { ok: false, reason }, HTTP_STATUS.notFound);
    }
  });
  routes.get('/pulse', (_request, response) => send(response, pulse(snapshot())));
  routes.get('/healthz', (_request, response) => send(response, { status: 200, body: { ok: true } }));
  routes.get('/readyz', (_request, response) => send(response, readiness(snapshot())));
  routes.get('/status', (_request, response) => {
    response.writeHead(HTTP_STATUS.ok, {
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
    });
    for (const part of statusText(snapshot())) response.write(part);
    response.end();
  });
  if (page !== undefined) {
    const headers = pageHeaders(page);
    routes.get('/', (_request, response) => sendText(response, page, headers));
  }
  return answerTheRest(routes, onError);
}
