import { isDeepStrictEqual } from 'node:util';
import { API_GROUP } from '../../api/group.ts';
import { SERVICE_FINALIZER, wishAnnotations } from '../services/annotations.ts';
import type { LoadBalancerService } from '../services/types.ts';
import { FIELD_MANAGER } from './field-manager.ts';
import { type Cached, keptMetadata } from './resource-cache.ts';

/** A Service as the controller keeps it. */
export interface FollowedService extends LoadBalancerService {
  /** Whether the finalizer of load balancers is there because this controller put it there: others use the same name. */
  readonly ownFinalizer: boolean;
}

/** A namespace: which pools serve it may depend on its labels. */
export interface NamespaceFacts extends Cached {
  readonly labels: Readonly<Record<string, string>>;
}

type Texts = Readonly<Record<string, string>>;

/** A Service as the API server sends it, as far as it is read (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/). */
export interface RawService {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly labels?: Texts;
    readonly annotations?: Texts;
    readonly managedFields?: readonly { readonly manager?: string; readonly fieldsV1?: unknown }[];
  };
  readonly spec?: {
    readonly type?: string;
    readonly loadBalancerClass?: string;
    readonly loadBalancerIP?: string;
    readonly externalIPs?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly ipFamilyPolicy?: string;
    readonly externalTrafficPolicy?: string;
    readonly sessionAffinity?: string;
    readonly healthCheckNodePort?: number;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports?: readonly { readonly protocol?: string; readonly port: number }[];
    readonly selector?: Texts;
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: LoadBalancerService['ingress'] };
    readonly conditions?: LoadBalancerService['conditions'];
  };
}

type Spec = NonNullable<RawService['spec']>;

/** Takes from a namespace what is used of it. */
export function namespaceFacts({ metadata }: Pick<RawService, 'metadata'>): NamespaceFacts {
  return { metadata: keptMetadata(metadata), labels: metadata?.labels ?? {} };
}

/** Whether two states of a namespace differ in nothing that is used. */
export function sameNamespace(before: NamespaceFacts, after: NamespaceFacts): boolean {
  return isDeepStrictEqual(before.labels, after.labels);
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

/** Who added a member of a set is in its field's notes (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management). */
function hasOwnFinalizer({ managedFields = [] }: NonNullable<RawService['metadata']>): boolean {
  const member = `v:${JSON.stringify(SERVICE_FINALIZER)}`;
  return managedFields.some(
    ({ manager, fieldsV1 }) =>
      manager === FIELD_MANAGER &&
      fieldOf(fieldOf(fieldOf(fieldsV1, 'f:metadata'), 'f:finalizers'), member) !== undefined,
  );
}

function metadataOf(metadata: NonNullable<RawService['metadata']>): LoadBalancerService['metadata'] {
  const { name = '', namespace = '', uid = '', resourceVersion, finalizers = [], labels = {} } = metadata;
  return {
    name,
    namespace,
    uid,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    createdMs: Date.parse(metadata.creationTimestamp ?? ''),
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers,
    labels,
  };
}

function familiesOf({ ipFamilies = [] }: Spec): LoadBalancerService['ipFamilies'] {
  return ipFamilies.filter((family) => family === 'IPv4' || family === 'IPv6');
}

function familyPolicyOf({ ipFamilyPolicy }: Spec): LoadBalancerService['ipFamilyPolicy'] {
  return ipFamilyPolicy === 'PreferDualStack' || ipFamilyPolicy === 'RequireDualStack' ? ipFamilyPolicy : 'SingleStack';
}

function requestOf(spec: Spec) {
  const { loadBalancerClass, loadBalancerIP = '', ports = [], selector = {}, healthCheckNodePort = 0 } = spec;
  const { externalIPs = [] } = spec;
  return {
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
    ...(loadBalancerIP === '' ? {} : { loadBalancerIP }),
    ...(externalIPs.length === 0 ? {} : { externalIPs }),
    ipFamilies: familiesOf(spec),
    ipFamilyPolicy: familyPolicyOf(spec),
    externalTrafficPolicy: spec.externalTrafficPolicy === 'Local' ? ('Local' as const) : ('Cluster' as const),
    ...(spec.sessionAffinity === 'ClientIP' ? { clientIpAffinity: true as const } : {}),
    ...(healthCheckNodePort === 0 ? {} : { healthCheckNodePort }),
    ...(spec.publishNotReadyAddresses === true ? { publishNotReadyAddresses: true } : {}),
    ports: ports.map(({ protocol = 'TCP', port }) => ({ protocol, port })),
    selector,
  };
}

/** Of a Service that asks for nothing only what it may have left from before: a cluster has many of them. */
const NO_REQUEST = requestOf({});

/** Takes from a Service what is used of it. */
export function followedService({ metadata = {}, spec = {}, status = {} }: RawService): FollowedService {
  const { type = 'ClusterIP' } = spec;
  const asks = type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const kept = metadataOf(metadata);
  return {
    metadata: asks ? kept : { ...kept, labels: {} },
    type,
    annotations: asks ? wishAnnotations(metadata.annotations) : {},
    ...(asks ? requestOf(spec) : NO_REQUEST),
    ingress: status.loadBalancer?.ingress ?? [],
    conditions: (status.conditions ?? []).filter((condition) => condition.type.startsWith(`${API_GROUP}/`)),
    ownFinalizer: hasOwnFinalizer(metadata),
  };
}

function withoutVersion({ metadata: { resourceVersion: _, ...metadata }, ...facts }: FollowedService) {
  return { metadata, ...facts };
}

/** Whether two states of a Service differ in nothing that is used. */
export function sameFollowedService(before: FollowedService, after: FollowedService): boolean {
  return isDeepStrictEqual(withoutVersion(before), withoutVersion(after));
}
