import type { V1EndpointSlice, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import type { ControlPlaneIngress } from '../../api/control-plane-ingress.ts';
import { GROUP_VERSION } from '../../api/group.ts';
import type { ServiceAddress } from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import {
  type EndpointSliceFacts,
  endpointSliceFacts,
  sameEndpointSlice,
  serviceKeyOf,
} from './endpoint-slice-facts.ts';
import { keepLease, type RawLease, type StoredLease } from './lease.ts';
import type { ListTarget } from './list.ts';
import {
  type FollowedService,
  followedService,
  type NamespaceFacts,
  namespaceFacts,
  type RawService,
  sameFollowedService,
  sameNamespace,
} from './load-balancer-service.ts';
import { type NodeFacts, nodeFacts, sameNode } from './node-facts.ts';
import type { Cached, Sameness } from './resource-cache.ts';
import { type ServiceFacts, sameService, serviceFacts } from './service-facts.ts';
import { type SidecarPod, samePod, sidecarPod } from './sidecar-pod.ts';
import { keepClaim, keepIngress, keepNodePlan, keepPool, type StoredNodePlan } from './stored.ts';

/** A kind of object that is followed. */
export interface WatchedResource<Raw, T extends Cached> extends ListTarget {
  /** For logs, metrics and readiness, e.g. `node plans`. */
  readonly name: string;
  /** What is kept of an object as the API server sends it; the rest is not stored. */
  readonly keep: (object: Raw) => T;
  /** Whether two states differ in nothing that matters. Absent: every change matters. */
  readonly same?: Sameness<T>;
  /** Whether a change of the object matters to anybody. Absent: it does. */
  readonly matters?: (object: T) => boolean;
}

/** Says what a row of the table is made of, so that its kinds are found out. */
function watched<Raw, T extends Cached>(resource: WatchedResource<Raw, T>): WatchedResource<Raw, T> {
  return resource;
}

/** What of the settings decides what is followed. */
export interface ResourceOptions {
  /** Where the sidecars' pods are. */
  readonly podNamespace: string;
  readonly podSelector: string;
  readonly lease: { readonly namespace: string; readonly name: string };
}

/** Everything of the cluster that the controller follows, one row for each kind. */
export function watchedResources({ podNamespace, podSelector, lease }: ResourceOptions) {
  return {
    pools: watched<VirtualIpPool, VirtualIpPool>({
      name: 'pools',
      path: `/apis/${GROUP_VERSION}/virtualippools`,
      keep: keepPool,
    }),
    plans: watched<StoredNodePlan, StoredNodePlan>({
      name: 'node plans',
      path: `/apis/${GROUP_VERSION}/nodeplans`,
      keep: keepNodePlan,
    }),
    nodes: watched<V1Node, NodeFacts>({ name: 'nodes', path: '/api/v1/nodes', keep: nodeFacts, same: sameNode }),
    pods: watched<V1Pod, SidecarPod>({
      name: 'agent pods',
      path: `/api/v1/namespaces/${podNamespace}/pods`,
      labelSelector: podSelector,
      keep: sidecarPod,
      same: samePod,
    }),
    leases: watched<RawLease, StoredLease>({
      name: 'lease',
      path: `/apis/coordination.k8s.io/v1/namespaces/${lease.namespace}/leases`,
      fieldSelector: `metadata.name=${lease.name}`,
      keep: keepLease,
    }),
  };
}

/** What is followed besides where there is an ingress of the control plane: its definition need not be there otherwise. */
export function ingressResources() {
  return {
    ingresses: watched<ControlPlaneIngress, ControlPlaneIngress>({
      name: 'control plane ingress',
      path: `/apis/${GROUP_VERSION}/controlplaneingresses`,
      keep: keepIngress,
    }),
  };
}

/** What is followed besides where a Service takes connections to the ingress' address. */
export function serviceResources({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  return {
    services: watched<V1Service, ServiceFacts>({
      name: 'ingress service',
      path: `/api/v1/namespaces/${namespace}/services`,
      fieldSelector: `metadata.name=${name}`,
      keep: serviceFacts,
      same: sameService,
    }),
  };
}

/** What is followed besides where Services get addresses: their definition need not be there otherwise. */
export function serviceAddressResources() {
  return {
    services: watched<RawService, FollowedService>({
      name: 'services',
      path: '/api/v1/services',
      keep: followedService,
      same: sameFollowedService,
    }),
    namespaces: watched<Pick<RawService, 'metadata'>, NamespaceFacts>({
      name: 'namespaces',
      path: '/api/v1/namespaces',
      keep: namespaceFacts,
      same: sameNamespace,
    }),
    claims: watched<ServiceAddress, ServiceAddress>({
      name: 'service addresses',
      path: `/apis/${GROUP_VERSION}/serviceaddresses`,
      keep: keepClaim,
    }),
  };
}

/**
 * What is followed besides where nodes hold connections to endpoints.
 * @param isNeeded whether anybody asks for the endpoints of a Service, see `serviceKeyOf`
 */
export function endpointResources(isNeeded: (service: string) => boolean) {
  return {
    slices: watched<V1EndpointSlice, EndpointSliceFacts>({
      name: 'endpoint slices',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      keep: endpointSliceFacts,
      same: sameEndpointSlice,
      matters: (slice) => isNeeded(serviceKeyOf(slice)),
    }),
  };
}
