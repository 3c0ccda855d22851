import type { AddressGroup, VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import { poolDemand } from '../../reconcile/pool-demands.ts';
import { makePlan } from '../planner.ts';
import type { Demand, DemandPlan, Plan, PlanInput, PlanningNode, PlanSettings } from '../types.ts';

/* Clusters to make plans for. */

export const settings: PlanSettings = {
  virtualRouterIds: { first: 1, last: 255 },
  reserved: { addresses: [], virtualRouterIds: [] },
  maxGroupsPerPool: 60,
  maxCandidates: 8,
};

/** A node with a sidecar and an address of each family. */
export function node(name: string, changes: Partial<PlanningNode> = {}): PlanningNode {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return {
    name,
    labels: {},
    taints: [],
    unschedulable: false,
    addresses: [`10.1.${Math.floor(number / 250)}.${1 + (number % 250)}`, `fd00::1:${number.toString(16)}`],
    hasSidecar: true,
    ...changes,
  };
}

/** Nodes node-1 to node-<count>; numbers are padded, so that they sort. */
export function nodes(count: number): PlanningNode[] {
  const width = String(count).length;
  return Array.from({ length: count }, (_, index) => node(`node-${String(index + 1).padStart(width, '0')}`));
}

/** So many addresses of their own: no two ranges overlap. */
export function addresses(count: number, range = 0): string[] {
  return Array.from(
    { length: count },
    (_, index) => `192.${168 + range}.${Math.floor(index / 250)}.${1 + (index % 250)}`,
  );
}

/** What a pool asks for. */
export function pool(
  name: string,
  spec: VirtualIpPoolSpec,
  options: { readonly created?: string; readonly groups?: readonly AddressGroup[] } = {},
): Demand {
  const { created = '2026-01-01T00:00:00Z', groups = [] } = options;
  const metadata = { name, creationTimestamp: created };
  return poolDemand({ metadata, spec, status: { groups: [...groups] } });
}

/** An input in which only what is said differs from an empty cluster's. */
export function input(changes: Partial<PlanInput>): PlanInput {
  return { demands: [], nodes: [], settings, assignments: new Map(), foreignRouterIds: new Set(), ...changes };
}

/** The demands with the plan as their memory, as the next plan finds them. */
export function remembered(demands: readonly Demand[], plan: Plan): Demand[] {
  return demands.map((each) => ({
    ...each,
    previousGroups: plan.demands.get(each.name)?.groups ?? each.previousGroups,
  }));
}

/** The plan for the only demand of an input. */
export function onlyDemand(of: PlanInput): DemandPlan {
  const plans = [...makePlan(of).demands.values()];
  if (plans.length !== 1 || plans[0] === undefined) throw new Error(`${plans.length} demands`);
  return plans[0];
}
