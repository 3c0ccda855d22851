import type { RequestListener } from 'node:http';
import type { Express, Request, Response } from 'express';
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
 * Answers what no route does, and what a route fails at: a sentence in JSON, never a stack trace or a page, which is what Express sends by
 * itself. Also where the target of the request cannot be read at all, so that Express asks no route.
 * @param app all routes
 * @param onError called with errors that are not the client's
 */
export function answerTheRest(app: Express, onError: (error: unknown) => void = () => undefined): RequestListener {
  return (request, response) => {
    app(request as Request, response as Response, (error?: unknown) => {
      const { status, reason } = refusalOf(error, request.url ?? '');
      if (status === HTTP_STATUS.internalServerError) onError(error);
      // Half an answer cannot become another one.
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };
      response.writeHead(status, headers).end(JSON.stringify({ ok: false, reason }));
    });
  };
}
