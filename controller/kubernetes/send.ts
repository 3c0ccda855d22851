import {
  ApiException,
  createConfiguration,
  type HttpMethod,
  type KubeConfig,
  RequestContext,
} from '@kubernetes/client-node';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { REQUEST_LIMIT_MS } from './access.ts';

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

function urlOf(server: string, { path, query = {} }: PlainRequest): string {
  const url = new URL(server + path);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value);
  return url.toString();
}

/**
 * Sends a request to the API server, and gives what it answers.
 * @throws ApiException when the API server refuses
 * @throws Error when it does not answer, at the latest after {@link REQUEST_LIMIT_MS}
 */
export async function send<T>(access: KubeConfig, plain: PlainRequest): Promise<T> {
  const server = access.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no cluster; set its current-context');
  const request = new RequestContext(urlOf(server, plain), plain.method);
  request.setHeaderParam('Accept', 'application/json');
  if (plain.body !== undefined) {
    request.setHeaderParam('Content-Type', plain.body.type);
    request.setBody(JSON.stringify(plain.body.content));
  }
  request.setSignal(AbortSignal.timeout(REQUEST_LIMIT_MS));
  await access.applySecurityAuthentication(request);
  const { httpStatusCode, body, headers } = await createConfiguration().httpApi.send(request).toPromise();
  const text = await body.text();
  if (httpStatusCode !== HTTP_STATUS.ok) {
    throw new ApiException(httpStatusCode, `${plain.method} ${plain.path} was not answered with 200`, text, headers);
  }
  return JSON.parse(text) as T;
}
