import type { ControlPlaneIngress } from '../../api/control-plane-ingress.ts';
import type { NodePlan } from '../../api/node-plan.ts';
import type { ServiceAddress } from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { readReport } from './node-report.ts';

/** An object that another goes with (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** A NodePlan with its owners. */
export type StoredNodePlan = NodePlan & { readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] } };

interface Managed {
  readonly metadata: { readonly name: string };
}

/** An object without what the server keeps for field managers: it is as large as the object, and nobody reads it. */
function withoutManagedFields<T extends Managed>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
  return { ...object, metadata };
}

/** What is kept of a pool. */
export function keepPool(pool: VirtualIpPool): VirtualIpPool {
  return withoutManagedFields(pool);
}

/** What is kept of the control plane's ingress. */
export function keepIngress(ingress: ControlPlaneIngress): ControlPlaneIngress {
  return withoutManagedFields(ingress);
}

/** What is kept of a claim. */
export function keepClaim(claim: ServiceAddress): ServiceAddress {
  return withoutManagedFields(claim);
}

/** What is kept of a NodePlan; of the node's report what can be read of it. */
export function keepNodePlan(plan: StoredNodePlan): StoredNodePlan {
  const { status, ...kept } = withoutManagedFields(plan);
  const report = readReport(status);
  return { ...kept, ...(report === undefined ? {} : { status: report }) };
}
