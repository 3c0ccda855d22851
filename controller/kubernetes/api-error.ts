import { saysUndeclared } from '../../api/undeclared.ts';

interface WithCode {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly body?: unknown;
}

/** The HTTP status that the API server answered; undefined when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as WithCode;
  if (typeof code === 'number') return code;
  return typeof statusCode === 'number' ? statusCode : undefined;
}

function messageOfBody(body: unknown): string | undefined {
  let found = body;
  if (typeof body === 'string') {
    try {
      found = JSON.parse(body);
    } catch {
      return undefined;
    }
  }
  const { message } = (typeof found === 'object' && found !== null ? found : {}) as { message?: unknown };
  return typeof message === 'string' ? message : undefined;
}

/**
 * Whether a server-side apply was refused because the definition in the cluster does not have a field.
 * @param field e.g. `.spec.spares`; of a list's items `.spec.loopback[].elected`
 */
export function isUndeclared(error: unknown, field: string): boolean {
  return saysUndeclared(messageOfBody((error as WithCode | undefined)?.body) ?? '', field);
}

/** Why a request failed, in one line: the API server's own words where it had any, and the cause of a connection's end. */
export function reasonOf(error: unknown): string {
  const status = statusOf(error);
  const message = messageOfBody((error as WithCode | undefined)?.body);
  if (status !== undefined && message !== undefined) return `${status}: ${message}`;
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${status === undefined ? '' : `${status}: `}${error.message.split('\n')[0]}${cause}`;
}
