import { isDeepStrictEqual } from 'node:util';
import { GROUP_VERSION } from '../../api/group.ts';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { OwnerReference, StoredNodePlan } from '../kubernetes/stored.ts';

/** A NodePlan that is to be written. */
export interface NodePlanWrite {
  readonly name: string;
  readonly spec: NodePlanSpec;
  readonly owners: readonly OwnerReference[];
}

/** What makes the stored NodePlans those of the plan. */
export interface NodePlanWrites {
  readonly apply: readonly NodePlanWrite[];
  /** Names. */
  readonly remove: readonly string[];
}

function ownersOf(spec: NodePlanSpec, pools: ReadonlyMap<string, VirtualIpPool>): OwnerReference[] {
  return spec.pools.flatMap(({ name }) => {
    const uid = pools.get(name)?.metadata.uid;
    return uid === undefined ? [] : [{ apiVersion: GROUP_VERSION, kind: 'VirtualIPPool', name, uid }];
  });
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[] = []): boolean {
  const uids = (owners: readonly OwnerReference[]) => owners.map(({ uid }) => uid).toSorted();
  return isDeepStrictEqual(uids(a), uids(b));
}

function isStored({ spec, owners }: NodePlanWrite, stored: StoredNodePlan | undefined): boolean {
  return (
    stored !== undefined && isDeepStrictEqual(stored.spec, spec) && sameOwners(owners, stored.metadata.ownerReferences)
  );
}

/**
 * Finds what must be written.
 * @param planned by the node's name
 * @param stored as the API server has them
 * @param pools that own what they are in
 */
export function nodePlanWrites(
  planned: ReadonlyMap<string, NodePlanSpec>,
  stored: readonly StoredNodePlan[],
  pools: readonly VirtualIpPool[],
): NodePlanWrites {
  const known = new Map(stored.map((plan) => [plan.metadata.name, plan]));
  const owners = new Map(pools.map((pool) => [pool.metadata.name, pool]));
  const wanted = [...planned].map(([name, spec]) => ({ name, spec, owners: ownersOf(spec, owners) }));
  return {
    apply: wanted.filter((write) => !isStored(write, known.get(write.name))),
    remove: [...known.keys()].filter((name) => !planned.has(name)),
  };
}
