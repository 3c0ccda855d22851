import {
  ApiException,
  createConfiguration,
  HttpMethod,
  type KubeConfig,
  RequestContext,
} from '@kubernetes/client-node';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { REQUEST_LIMIT_MS } from './access.ts';

/** A list as the API server gives it. */
export interface ListOf<T> {
  readonly items: readonly T[];
  readonly metadata?: { readonly resourceVersion?: string };
}

/** Which objects. */
export interface ListTarget {
  /** E.g. `/api/v1/nodes`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

function urlOf(server: string, { path, labelSelector, fieldSelector }: ListTarget): string {
  const url = new URL(server + path);
  if (labelSelector !== undefined) url.searchParams.set('labelSelector', labelSelector);
  if (fieldSelector !== undefined) url.searchParams.set('fieldSelector', fieldSelector);
  return url.toString();
}

/**
 * Lists objects of whatever kind by their path, as a watch follows them: the library's typed clients know the kinds that came with it, and
 * make much of objects of which next to nothing is kept.
 * @throws ApiException when the API server refuses
 * @throws Error when it does not answer, at the latest after {@link REQUEST_LIMIT_MS}
 */
export async function listObjects<T>(access: KubeConfig, target: ListTarget): Promise<ListOf<T>> {
  const server = access.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no cluster; set its current-context');
  const request = new RequestContext(urlOf(server, target), HttpMethod.GET);
  request.setHeaderParam('Accept', 'application/json');
  request.setSignal(AbortSignal.timeout(REQUEST_LIMIT_MS));
  await access.applySecurityAuthentication(request);
  const { httpStatusCode, body, headers } = await createConfiguration().httpApi.send(request).toPromise();
  const text = await body.text();
  if (httpStatusCode !== HTTP_STATUS.ok) throw new ApiException(httpStatusCode, 'not listed', text, headers);
  return JSON.parse(text) as ListOf<T>;
}
