import type { ServerResponse } from 'node:http';
import { HTTP_STATUS } from './http-status.ts';

/* Answers as a whole, with their length, to GET and HEAD: Node leaves the body of the latter out. Headers that the response has stay. */

/** Answers with a text. */
export function sendText(response: ServerResponse, text: string, headers: Readonly<Record<string, string>>): void {
  // Node says the length by itself only where a body follows, which to HEAD is not so.
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.setHeaders(new Map(Object.entries(headers))).end(text);
}

/** Answers with a document as JSON, which nobody may keep: it is about this moment. */
export function sendJson(response: ServerResponse, document: unknown, status: number = HTTP_STATUS.ok): void {
  response.statusCode = status;
  const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };
  sendText(response, JSON.stringify(document), headers);
}
