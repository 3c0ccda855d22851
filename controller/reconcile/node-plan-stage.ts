import { isDeepStrictEqual } from 'node:util';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import { poolReference } from '../kubernetes/references.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { OwnerReference, StoredNodePlan } from '../kubernetes/stored.ts';
import type { NodePlanContent } from '../plan/types.ts';
import type { Decision, PendingWrite, PlannedCluster, Stage } from './stage.ts';
import { Written } from './written.ts';
import type { YoungerFields } from './younger-fields.ts';

/** A NodePlan that is to be written. */
export interface DesiredNodePlan {
  readonly name: string;
  readonly spec: NodePlanSpec;
  readonly owners: readonly OwnerReference[];
}

interface NodePlanStageDependencies {
  readonly cache: ResourceCache<StoredNodePlan>;
  readonly writer: Pick<ClusterWriter, 'applyNodePlan'>;
  readonly fields: YoungerFields;
}

function ownersOf(spec: NodePlanSpec, pools: ReadonlyMap<string, VirtualIpPool>): OwnerReference[] {
  const names = new Set(spec.pools.map(({ name, ofPool }) => ofPool ?? name));
  return [...names].flatMap((name) => {
    const uid = pools.get(name)?.metadata.uid;
    return uid === undefined ? [] : [{ ...poolReference({ name }), uid }];
  });
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[] = []): boolean {
  const uids = (owners: readonly OwnerReference[]) => owners.map(({ uid }) => uid).toSorted();
  return isDeepStrictEqual(uids(a), uids(b));
}

function isStored({ spec, owners }: DesiredNodePlan, stored: StoredNodePlan | undefined): boolean {
  return (
    stored !== undefined && isDeepStrictEqual(stored.spec, spec) && sameOwners(owners, stored.metadata.ownerReferences)
  );
}

/**
 * Finds the NodePlans that must be written. Pure.
 * @param specs by the node's name
 * @param stored as the API server has them
 * @param pools that own what they are in
 */
export function nodePlansToWrite(
  specs: ReadonlyMap<string, NodePlanSpec>,
  stored: readonly StoredNodePlan[],
  pools: readonly VirtualIpPool[],
): DesiredNodePlan[] {
  const known = new Map(stored.map((plan) => [plan.metadata.name, plan]));
  const owners = new Map(pools.map((pool) => [pool.metadata.name, pool]));
  const desired = [...specs].map(([name, spec]) => ({ name, spec, owners: ownersOf(spec, owners) }));
  return desired.filter((each) => !isStored(each, known.get(each.name)));
}

/** Writes what the nodes are to do. */
export class NodePlanStage implements Stage {
  readonly name = 'node_plan';
  readonly #dependencies: NodePlanStageDependencies;
  readonly #written = new Written<Omit<DesiredNodePlan, 'name'>>();

  constructor(dependencies: NodePlanStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide({ plan, specs, state }: PlannedCluster): Decision {
    this.#written.keepOnly(new Set(specs.keys()));
    const { cache } = this.#dependencies;
    const desired = nodePlansToWrite(specs, state.plans, state.pools);
    const due = desired.filter(({ name, ...content }) => !this.#written.made(content, cache.get(name)));
    return { writes: due.map((each) => this.#pending(each, plan.nodes.get(each.name) ?? each.spec)) };
  }

  #pending({ name, owners }: DesiredNodePlan, content: NodePlanContent): PendingWrite {
    const { writer, cache, fields } = this.#dependencies;
    return {
      name,
      write: async () => {
        const { spec, stored } = await fields.write(content, (tried) => writer.applyNodePlan(name, tried, owners));
        this.#written.note({ spec, owners }, stored);
        cache.put(stored);
      },
    };
  }
}
