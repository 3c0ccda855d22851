import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type LoopbackServer, listen } from '../../common/testing/loopback.ts';
import type { ServerCertificate } from '../../test/support/certificates.ts';

/* Stands for the part of an API server that lists a collection and lets it be watched. */

/** A request to it. */
export interface Asked {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Limits with which a watch of a test waits for nothing. */
export const QUICK_LIMITS = { open: 5, watch: 30, grace: 5, retry: 0.01, longestRetry: 0.05, refusedRetry: 0.05 };

/** Serves on loopback; who asks is handed on. */
export async function serveListAndWatch(
  { keyFile, certFile }: ServerCertificate,
  on: { readonly list: (asked: Asked) => void; readonly watch: (asked: Asked) => void },
): Promise<LoopbackServer & { readonly url: string }> {
  const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  const https = createServer(tls, (request, response) => {
    const url = new URL(request.url ?? '', 'https://api');
    on[url.searchParams.has('watch') ? 'watch' : 'list']({ url, request, response });
  });
  const server = await listen(https);
  return { ...server, url: `https://127.0.0.1:${server.port}` };
}

/** Answers with a list. */
export function sendList(version: number, ...items: object[]): (response: ServerResponse) => void {
  return (response) => response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
}

/** Answers a watch, without an event yet. */
export function openWatch(response: ServerResponse): void {
  response.writeHead(200).flushHeaders();
}

/** An event of a watch. */
export function eventLine(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}
