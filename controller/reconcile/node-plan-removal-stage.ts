import type { NodePlanSpec } from '../../api/node-plan.ts';
import type { ClusterWriter } from '../kubernetes/cluster-api.ts';
import type { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { StoredNodePlan } from '../kubernetes/stored.ts';
import type { Decision, PlannedCluster, Stage } from './stage.ts';

interface NodePlanRemovalStageDependencies {
  readonly cache: ResourceCache<StoredNodePlan>;
  readonly writer: Pick<ClusterWriter, 'deleteNodePlan'>;
  /**
   * Whether a plan stays, with nothing to do in it, until its node reports no address any more: with the plan its report goes, and somebody
   * may wait for that.
   */
  readonly awaitsReports?: boolean;
}

/** Names of the nodes that there are and that still report an address. */
function holdingNodes({ state: { plans, nodes } }: PlannedCluster): Set<string> {
  const there = new Set(nodes.map(({ metadata }) => metadata.name));
  const holding = plans.filter(({ metadata, status }) => there.has(metadata.name) && (status?.held ?? []).length > 0);
  return new Set(holding.map(({ metadata }) => metadata.name));
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

  decide(cluster: PlannedCluster): Decision {
    const { writer, cache, awaitsReports = false } = this.#dependencies;
    const awaited = awaitsReports ? holdingNodes(cluster) : new Set<string>();
    const names = nodePlansToRemove(cluster.specs, cluster.state.plans).filter((name) => !awaited.has(name));
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
