import type { RequestListener } from 'node:http';
import type { Router } from 'router';
import { sendJson } from './http-answer.ts';
import { HTTP_STATUS } from './http-status.ts';

/** What there is instead of an answer, as a sentence. */
interface Refusal {
  readonly status: number;
  readonly reason: string;
}

const NO_URL =
  'the path is not a valid URL: after % come two hexadecimal digits of UTF-8; write %25 for a percent sign';

function refusalOf(error: unknown, target: string): Refusal {
  if (error === undefined || error === null) {
    if (URL.canParse(target, 'http://localhost'))
      return { status: HTTP_STATUS.notFound, reason: 'there is nothing at this path' };
    return { status: HTTP_STATUS.badRequest, reason: NO_URL };
  }
  const status: unknown = error instanceof Error && 'status' in error ? error.status : undefined;
  if (error instanceof URIError || status === HTTP_STATUS.badRequest)
    return { status: HTTP_STATUS.badRequest, reason: NO_URL };
  return { status: HTTP_STATUS.internalServerError, reason: 'an error of this program; its log has it' };
}

/**
 * Answers what no route does, and what a route fails at: a sentence in JSON, never a stack trace or a page. Also where the target of the
 * request cannot be read at all, so that no route is asked.
 * @param routes all of them
 * @param onError called with errors that are not the client's
 */
export function answerTheRest(routes: Router, onError: (error: unknown) => void = () => undefined): RequestListener {
  return (request, response) => {
    routes(request, response, (error?: unknown) => {
      const { status, reason } = refusalOf(error, request.url ?? '');
      if (status === HTTP_STATUS.internalServerError) onError(error);
      // Half an answer cannot become another one.
      if (response.headersSent) {
        response.destroy();
        return;
      }
      sendJson(response, { ok: false, reason }, status);
    });
  };
}
