import type { AddressGroup, VirtualIpPool, VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import { makePlan } from '../planner.ts';
import type { Plan, PlanInput, PlanningNode, PlanSettings, PoolPlan } from '../types.ts';

/* Clusters to make plans for. */

export const settings: PlanSettings = {
  virtualRouterIds: { first: 1, last: 255 },
  reserved: { addresses: [], virtualRouterIds: [] },
  maxGroupsPerPool: 60,
  maxCandidates: 8,
};

/** A node with an agent and an address of each family. */
export function node(name: string, changes: Partial<PlanningNode> = {}): PlanningNode {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return {
    name,
    labels: {},
    taints: [],
    unschedulable: false,
    addresses: [`10.1.${Math.floor(number / 250)}.${1 + (number % 250)}`, `fd00::1:${number.toString(16)}`],
    hasAgent: true,
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

/** A pool as the API server serves it. */
export function pool(
  name: string,
  spec: VirtualIpPoolSpec,
  options: { readonly created?: string; readonly groups?: readonly AddressGroup[] } = {},
): VirtualIpPool {
  const { created = '2026-01-01T00:00:00Z', groups } = options;
  return {
    metadata: { name, creationTimestamp: created },
    spec,
    ...(groups === undefined ? {} : { status: { groups: [...groups] } }),
  };
}

/** An input in which only what is said differs from an empty cluster's. */
export function input(changes: Partial<PlanInput>): PlanInput {
  return { pools: [], nodes: [], settings, told: new Map(), foreignRouterIds: new Set(), ...changes };
}

/** The pools with the plan in their status, as the next plan finds them. */
export function remembered(pools: readonly VirtualIpPool[], plan: Plan): VirtualIpPool[] {
  return pools.map((each) => {
    const groups = plan.pools.get(each.metadata.name)?.groups;
    return groups === undefined ? each : { ...each, status: { groups: [...groups] } };
  });
}

/** The plan for the only pool of an input. */
export function onlyPool(of: PlanInput): PoolPlan {
  const plans = [...makePlan(of).pools.values()];
  if (plans.length !== 1 || plans[0] === undefined) throw new Error(`${plans.length} pools`);
  return plans[0];
}
