import type { Settings } from '../config/settings.ts';
import type { NodeFacts } from '../kubernetes/node-facts.ts';
import { assignmentsOf } from '../plan/assignments.ts';
import type { NodeAddresses, PlanInput, PlanningNode, PlanSettings } from '../plan/types.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ForeignRouters } from './foreign-routers.ts';
import { poolDemands } from './pool-demands.ts';
import { without } from './services/claimed-addresses.ts';

/** More nodes for a group don't make it safer, and every one of them takes part in its elections. */
const MAX_CANDIDATES = 8;

function planningNode(
  { metadata, labels, taints, unschedulable, internalAddresses, externalAddresses }: NodeFacts,
  sidecars: ReadonlySet<string>,
): PlanningNode {
  return {
    name: metadata.name,
    labels,
    taints,
    unschedulable,
    addresses: internalAddresses,
    externalAddresses,
    hasSidecar: sidecars.has(metadata.name),
  };
}

/** What the controller makes of what nodes report of others. */
export interface WeighedReports {
  readonly foreign: Pick<ForeignRouters, 'believed' | 'doubted'>;
  readonly nodeAddresses: NodeAddresses;
}

function planSettings(
  { virtualRouterIds, reserved, maxGroupsPerPool, services }: Settings,
  mayBeApart: boolean,
): PlanSettings {
  const multicastGroup = mayBeApart ? services?.multicastGroup : undefined;
  return {
    ...{ virtualRouterIds, reserved, maxGroupsPerPool, maxCandidates: MAX_CANDIDATES },
    ...(multicastGroup === undefined ? {} : { multicastGroup }),
  };
}

/**
 * Puts together what a plan rests on.
 * @param given.mayBeApart whether the definition of NodePlans in the cluster has instances in multicast groups of their own
 */
export function planInput(
  { pools, plans, nodes, sidecars, serving, claimed, local }: ClusterState,
  { foreign, nodeAddresses }: WeighedReports,
  settings: Settings,
  { mayBeApart }: { readonly mayBeApart: boolean },
): PlanInput {
  const planning = nodes.map((node) => planningNode(node, sidecars));
  return {
    demands: [...poolDemands(pools, without(claimed, local.addresses), serving !== 'off'), ...local.demands],
    nodes: planning,
    settings: planSettings(settings, mayBeApart),
    assignments: assignmentsOf(plans, planning),
    departed: local.departed,
    foreignRouterIds: foreign.believed,
    doubtfulRouterIds: foreign.doubted,
    nodeAddresses,
    nodeSubnets: new Map(plans.map(({ metadata, status }) => [metadata.name, status?.addresses ?? []])),
  };
}
