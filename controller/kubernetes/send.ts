import { text } from 'node:stream/consumers';
import { ApiException, type HttpMethod, type KubeConfig } from '@kubernetes/client-node';
import { sendRequest } from '../../common/http-request.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { connectionOf, REQUEST_LIMIT_MS } from './access.ts';

/** A request by its path: the library's typed clients know the kinds that came with it, and each of them is large. */
export interface PlainRequest {
  readonly method: HttpMethod;
  /** E.g. `/api/v1/nodes`. */
  readonly path: string;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** As JSON, with what its content is called. */
  readonly body?: { readonly type: string; readonly content: object };
}

function urlOf(server: string, { path, query = {} }: PlainRequest): URL {
  const url = new URL(server + path);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value);
  return url;
}

/**
 * Sends a request to the API server, and gives what it answers.
 * @throws ApiException when the API server refuses
 * @throws Error when it does not answer, at the latest after {@link REQUEST_LIMIT_MS}
 */
export async function send<T>(access: KubeConfig, plain: PlainRequest): Promise<T> {
  const server = access.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no cluster; set its current-context');
  const { method, path, body } = plain;
  const { agent, headers } = await connectionOf(access);
  const response = await sendRequest({
    url: urlOf(server, plain),
    method,
    headers: { ...headers, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': body.type }) },
    body: body === undefined ? undefined : JSON.stringify(body.content),
    agent,
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  const said = await text(response);
  const { statusCode = 0 } = response;
  if (statusCode !== HTTP_STATUS.ok && statusCode !== HTTP_STATUS.created) {
    const heads = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, `${value}`]));
    throw new ApiException(statusCode, `${method} ${path} was answered ${statusCode}`, said, heads);
  }
  return JSON.parse(said) as T;
}
