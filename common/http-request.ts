import { type Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** One request by HTTP or HTTPS. */
export interface HttpRequest {
  /** http: or https:, without user information. */
  readonly url: URL;
  /** Default: GET. */
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Makes the connection; of the kind that the URL asks for. */
  readonly agent: Agent;
  /** Ends the exchange at any time, also while the body is read. */
  readonly signal: AbortSignal;
}

/**
 * Sends a request by Node's own client, which follows no redirect and knows no proxy from the environment.
 * @returns the response once its headers are there; who calls reads its body, or destroys it
 * @throws what the connection, TLS or the parser throws, and the signal's reason when that ends it
 */
export async function sendRequest({
  url,
  method,
  headers,
  body,
  agent,
  signal,
}: HttpRequest): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  // Node says nothing of a body's length where a method usually has none, as DELETE: it would be taken for the next request.
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const sent = send(url, { method, headers: { ...headers, ...length }, agent });
  let response: IncomingMessage | undefined;
  const end = () => (response ?? sent).destroy(signal.reason as Error);
  signal.addEventListener('abort', end);
  sent.once('close', () => signal.removeEventListener('abort', end));
  return new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', (received) => {
      response = received;
      resolve(received);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
