import { GROUP_VERSION } from '../../api/group.ts';
import type { ObjectKey } from './resource-cache.ts';

/** An object that something else speaks of (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-reference/). */
export interface ObjectReference extends ObjectKey {
  readonly apiVersion: string;
  readonly kind: string;
  /** Without it `kubectl describe` does not show an Event on the object. */
  readonly uid?: string;
}

/** A pool. */
export function poolReference({
  name,
  uid,
}: {
  readonly name: string;
  readonly uid?: string | undefined;
}): ObjectReference {
  return { apiVersion: GROUP_VERSION, kind: 'VirtualIPPool', name, ...(uid === undefined ? {} : { uid }) };
}

/** The ingress of the control plane. */
export function ingressReference({
  name,
  uid,
}: {
  readonly name: string;
  readonly uid?: string | undefined;
}): ObjectReference {
  return { apiVersion: GROUP_VERSION, kind: 'ControlPlaneIngress', name, ...(uid === undefined ? {} : { uid }) };
}

/** A Service. */
export function serviceReference({
  namespace,
  name,
  uid,
}: {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}): ObjectReference {
  return { apiVersion: 'v1', kind: 'Service', namespace, name, ...(uid === undefined ? {} : { uid }) };
}

/** A key that differs for different objects, also for one that was made anew under the name of another. */
export function referenceKey({ kind, namespace = '', name, uid = '' }: ObjectReference): string {
  return [kind, namespace, name, uid].join('/');
}
