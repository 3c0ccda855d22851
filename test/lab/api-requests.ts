import { GROUP_VERSION } from '../../api/group.ts';
import type { NodeObject, NodePlanObject, PodObject } from './api-protocol.ts';

/** What a request to the Kubernetes API asks for, as far as the stand-in knows it. */
export type ApiRequest =
  | { readonly kind: 'health' }
  | {
      readonly kind: 'pods';
      readonly namespace: string;
      readonly labels: Labels;
      readonly watch: WatchRequest | undefined;
    }
  | {
      readonly kind: 'nodes';
      /** The one that the field selector names; undefined: all. */
      readonly name: string | undefined;
      readonly watch: WatchRequest | undefined;
    }
  | {
      readonly kind: 'plans';
      /** The one that the field selector names; undefined: all. */
      readonly name: string | undefined;
      readonly watch: WatchRequest | undefined;
      /** Version that a watch goes on from. */
      readonly since: number;
    }
  | { readonly kind: 'plan-status'; readonly name: string }
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
  const watch = readWatch(searchParams);
  if (pathname === '/api/v1/nodes') {
    return { kind: 'nodes', name: readName(searchParams.get('fieldSelector') ?? ''), watch };
  }
  const plans = readPlans(pathname, searchParams);
  if (plans !== undefined) {
    return plans;
  }
  const namespace = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/.exec(pathname)?.[1];
  if (namespace === undefined) {
    return { kind: 'unknown' };
  }
  return { kind: 'pods', namespace, labels: readLabels(searchParams.get('labelSelector') ?? ''), watch };
}

function readPlans(pathname: string, query: URLSearchParams): ApiRequest | undefined {
  const [all = '', name] = /^\/apis\/([^/]+\/[^/]+)\/nodeplans(?:\/([^/]+)\/status)?$/.exec(pathname)?.slice(1) ?? [];
  if (all !== GROUP_VERSION) {
    return undefined;
  }
  if (name !== undefined) {
    return { kind: 'plan-status', name };
  }
  const since = Number(query.get('resourceVersion') ?? 0);
  return { kind: 'plans', name: readName(query.get('fieldSelector') ?? ''), watch: readWatch(query), since };
}

function readWatch(query: URLSearchParams): WatchRequest | undefined {
  if (!['1', 'true'].includes(query.get('watch') ?? '')) {
    return undefined;
  }
  const timeout = Number(query.get('timeoutSeconds') ?? 0);
  return { initial: ['', '0'].includes(query.get('resourceVersion') ?? ''), timeoutSeconds: timeout || undefined };
}

/** The name in a field selector; the stand-in knows no other field. */
function readName(selector: string): string | undefined {
  return /^metadata\.name==?([^,]+)$/.exec(selector)?.[1];
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

/** A `NodeList` as the API server writes it. Pure. */
export function nodeList(nodes: readonly NodeObject[]): object {
  return { kind: 'NodeList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: nodes };
}

/** A `NodePlanList` as the API server writes it. Pure. */
export function planList(plans: readonly NodePlanObject[], version: number): object {
  return {
    kind: 'NodePlanList',
    apiVersion: GROUP_VERSION,
    metadata: { resourceVersion: String(version) },
    items: plans.map(planObject),
  };
}

/** A NodePlan as the API server writes it. Pure. */
export function planObject(plan: NodePlanObject): object {
  return { kind: 'NodePlan', apiVersion: GROUP_VERSION, ...plan };
}

/** One line of a watch as the API server writes it. Pure. */
export function watchEvent(type: 'ADDED' | 'MODIFIED', kind: 'Node' | 'Pod', object: NodeObject | PodObject): string {
  return `${JSON.stringify({ type, object: { kind, apiVersion: 'v1', ...object } })}\n`;
}

/** A refusal as the API server writes it. Pure. */
export function apiStatus(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code };
}
