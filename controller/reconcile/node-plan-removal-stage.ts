import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import type { Decision, PlannedCluster, Stage } from './stage.ts';

interface NodePlanRemovalStageDependencies {
  readonly cache: ResourceCache<StoredNodePlan>;
  readonly writer: Pick<ClusterWriter, 'deleteNodePlan'>;
}

/**
 * Names of the NodePlans that must go. Pure.
 * @param specs by the node's name
 * @param stored as the API server has them
 */
export function nodePlansToRemove(
  specs: ReadonlyMap<string, NodePlanSpec>,
  stored: readonly StoredNodePlan[],
): string[] {
  return stored.map(({ metadata }) => metadata.name).filter((name) => !specs.has(name));
}

/** Removes the NodePlans of nodes that have nothing to do any more. */
export class NodePlanRemovalStage implements Stage {
  readonly name = 'node_plan_removal';
  readonly #dependencies: NodePlanRemovalStageDependencies;

  constructor(dependencies: NodePlanRemovalStageDependencies) {
    this.#dependencies = dependencies;
  }

  decide({ specs, state }: PlannedCluster): Decision {
    const { writer, cache } = this.#dependencies;
    const names = nodePlansToRemove(specs, state.plans);
    return {
      writes: names.map((name) => ({
        name,
        write: async () => {
          await writer.deleteNodePlan(name);
          cache.remove({ metadata: { name } });
        },
      })),
    };
  }
}
