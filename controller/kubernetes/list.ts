import { HttpMethod, type KubeConfig } from '@kubernetes/client-node';
import { send } from './send.ts';

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

/**
 * Lists objects of whatever kind by their path, as a watch follows them.
 * @throws ApiException when the API server refuses
 * @throws Error when it does not answer in time
 */
export function listObjects<T>(access: KubeConfig, target: ListTarget): Promise<ListOf<T>> {
  const { path, labelSelector, fieldSelector } = target;
  return send<ListOf<T>>(access, { method: HttpMethod.GET, path, query: { labelSelector, fieldSelector } });
}
