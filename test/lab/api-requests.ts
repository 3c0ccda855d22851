import type { PodObject } from './api-protocol.ts';

/** What a request to the Kubernetes API asks for, as far as the stand-in knows it. */
export type ApiRequest =
  | { readonly kind: 'health' }
  | {
      readonly kind: 'pods';
      readonly namespace: string;
      readonly labels: Labels;
      readonly watch: WatchRequest | undefined;
    }
  | { readonly kind: 'unknown' };

export interface WatchRequest {
  /** A watch without a resource version begins with what exists. */
  readonly initial: boolean;
  readonly timeoutSeconds: number | undefined;
}

type Labels = Readonly<Record<string, string>>;

/** Reads path and query of a request. Pure. */
export function readApiRequest(url: string): ApiRequest {
  const { pathname, searchParams } = new URL(url, 'https://api');
  if (/^\/(readyz|livez|healthz)$/.test(pathname)) {
    return { kind: 'health' };
  }
  const namespace = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/.exec(pathname)?.[1];
  if (namespace === undefined) {
    return { kind: 'unknown' };
  }
  const watching = ['1', 'true'].includes(searchParams.get('watch') ?? '');
  const timeout = Number(searchParams.get('timeoutSeconds') ?? 0);
  return {
    kind: 'pods',
    namespace,
    labels: readLabels(searchParams.get('labelSelector') ?? ''),
    watch: watching
      ? { initial: ['', '0'].includes(searchParams.get('resourceVersion') ?? ''), timeoutSeconds: timeout || undefined }
      : undefined,
  };
}

/** The equality terms of a label selector (`a=b,c==d`); the stand-in knows no others. */
function readLabels(selector: string): Labels {
  const terms = selector.split(',').filter((term) => term !== '');
  return Object.fromEntries(terms.map((term) => term.split(/==?/, 2) as [string, string]));
}

/** The pods of a namespace that carry all the labels. Pure. */
export function selectPods(pods: readonly PodObject[], namespace: string, labels: Labels): PodObject[] {
  const wanted = Object.entries(labels);
  return pods.filter(
    ({ metadata }) =>
      metadata.namespace === namespace && wanted.every(([key, value]) => metadata.labels[key] === value),
  );
}

/** A `PodList` as the API server writes it. Pure. */
export function podList(pods: readonly PodObject[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: pods };
}

/** A refusal as the API server writes it. Pure. */
export function apiStatus(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code };
}
