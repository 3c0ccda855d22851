import { poolInstance } from '../../api/instances.ts';
import type { PlannedInstance, PlannedPool } from '../../api/node-plan.ts';
import { compareText } from '../../common/compare-text.ts';
import type { DraftGroup } from './grouping.ts';
import type { Member } from './handover.ts';
import type { Demand, NodePlanContent } from './types.ts';

/** A group, and who runs its instance. */
export interface StaffedGroup {
  readonly demand: Demand;
  readonly group: DraftGroup;
  readonly members: readonly Member[];
}

interface Draft {
  readonly pools: Map<string, PlannedPool>;
  readonly instances: PlannedInstance[];
}

function plannedInstance({ demand, group }: StaffedGroup, { rank, leaving, peers }: Member): PlannedInstance {
  return {
    name: poolInstance(demand.name, group.slot),
    pool: demand.name,
    virtualRouterId: group.virtualRouterId,
    rank,
    ...(leaving ? { leaving } : {}),
    addresses: group.addresses.map(({ given }) => given),
    ...(peers === undefined ? {} : { peers: [...peers] }),
  };
}

/**
 * Turns groups into what each node is to do.
 * @param groups in the order in which a plan is to list them
 * @param alsoNodes nodes that get a plan in any case, an empty one if there is nothing to do
 * @returns by the node's name, sorted
 */
export function planNodes(groups: readonly StaffedGroup[], alsoNodes: Iterable<string>): Map<string, NodePlanContent> {
  const drafts = new Map<string, Draft>();
  const draftOf = (node: string): Draft => {
    const draft = drafts.get(node) ?? { pools: new Map(), instances: [] };
    drafts.set(node, draft);
    return draft;
  };
  const pools = new Map(groups.map(({ demand: { name, settings } }) => [name, { name, ...settings }]));
  for (const node of alsoNodes) draftOf(node);
  for (const staffed of groups) {
    for (const member of staffed.members) {
      const { name } = staffed.demand;
      const draft = draftOf(member.node);
      const pool = pools.get(name);
      if (pool !== undefined) draft.pools.set(name, pool);
      draft.instances.push(plannedInstance(staffed, member));
    }
  }
  const sorted = [...drafts].sort(([a], [b]) => compareText(a, b));
  return new Map(sorted.map(([node, { pools: own, instances }]) => [node, { pools: [...own.values()], instances }]));
}
