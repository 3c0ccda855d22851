import { GROUP_VERSION } from '../../api/group.ts';
import type { ApiObject } from './api-protocol.ts';

/** What the stand-in has. */
export const RESOURCES = {
  pods: { kind: 'Pod', apiVersion: 'v1' },
  nodes: { kind: 'Node', apiVersion: 'v1' },
  nodeplans: { kind: 'NodePlan', apiVersion: GROUP_VERSION },
} as const;

/** Which objects of a resource are meant; without any of these, all. */
export interface Selection {
  readonly namespace?: string | undefined;
  /** The one that the field selector names. */
  readonly name?: string | undefined;
  /** Labels that they carry, all of these. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface WatchRequest {
  /** Version that it goes on from; 0: it begins with what exists. */
  readonly since: number;
  readonly timeoutSeconds: number | undefined;
}

/** What a request to the Kubernetes API asks for, as far as the stand-in knows it. */
export type ApiRequest =
  | { readonly kind: 'health' }
  | {
      readonly kind: 'objects';
      readonly of: keyof typeof RESOURCES;
      readonly selection: Selection;
      /** Undefined for a list. */
      readonly watch: WatchRequest | undefined;
    }
  | { readonly kind: 'plan-status'; readonly name: string }
  | { readonly kind: 'unknown' };

/** Paths of lists; a group of theirs is the namespace. */
const LISTS = {
  pods: /^\/api\/v1\/namespaces\/([^/]+)\/pods$/,
  nodes: /^\/api\/v1\/nodes$/,
  nodeplans: new RegExp(`^/apis/${GROUP_VERSION}/nodeplans$`),
} as const;
const PLAN_STATUS = new RegExp(`^/apis/${GROUP_VERSION}/nodeplans/([^/]+)/status$`);

/** Reads path and query of a request. Pure. */
export function readApiRequest(url: string): ApiRequest {
  const { pathname, searchParams } = new URL(url, 'https://api');
  if (/^\/(readyz|livez|healthz)$/.test(pathname)) return { kind: 'health' };
  const [, plan] = PLAN_STATUS.exec(pathname) ?? [];
  if (plan !== undefined) return { kind: 'plan-status', name: plan };
  for (const resource of ['pods', 'nodes', 'nodeplans'] as const) {
    const match = LISTS[resource].exec(pathname);
    if (match === null) continue;
    const name = readName(searchParams.get('fieldSelector') ?? '');
    const selection = { namespace: match[1], name, labels: readLabels(searchParams.get('labelSelector') ?? '') };
    return { kind: 'objects', of: resource, selection, watch: readWatch(searchParams) };
  }
  return { kind: 'unknown' };
}

function readWatch(query: URLSearchParams): WatchRequest | undefined {
  if (!['1', 'true'].includes(query.get('watch') ?? '')) return undefined;
  const number = (name: string) => Number(query.get(name) ?? 0);
  return { since: number('resourceVersion'), timeoutSeconds: number('timeoutSeconds') || undefined };
}

/** The name in a field selector; the stand-in knows no other field. */
function readName(selector: string): string | undefined {
  return /^metadata\.name==?([^,]+)$/.exec(selector)?.[1];
}

/** The equality terms of a label selector (`a=b,c==d`); the stand-in knows no others. */
function readLabels(selector: string): Readonly<Record<string, string>> {
  const terms = selector.split(',').filter((term) => term !== '');
  return Object.fromEntries(terms.map((term) => term.split(/==?/, 2) as [string, string]));
}

/** Whether an object is one of those. Pure. */
export function isSelected({ metadata }: ApiObject, { namespace, name, labels = {} }: Selection): boolean {
  return (
    (namespace ?? metadata.namespace) === metadata.namespace &&
    (name ?? metadata.name) === metadata.name &&
    Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value)
  );
}

/** A refusal as the API server writes it. Pure. */
export function apiStatus(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code };
}
