import { holdingInstances, type NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import type { Assignment, PlanningNode } from './types.ts';

interface Draft {
  readonly previousPeers: Map<string, readonly string[]>;
  readonly heldBy: Set<string>;
}

function ownersOf(nodes: readonly PlanningNode[]): Map<string, string> {
  return new Map(nodes.flatMap(({ name, addresses }) => addresses.map((address) => [canonical(address), name])));
}

/** Nodes that have a sidecar which does not carry out its last plan yet. */
function nodesBehind(plans: readonly NodePlan[], nodes: readonly PlanningNode[]): Set<string> {
  const sidecars = new Set(nodes.filter(({ hasSidecar }) => hasSidecar).map(({ name }) => name));
  const behind = plans.filter(({ metadata, spec, status }) => {
    return sidecars.has(metadata.name) && status?.observedPlan !== spec.plan;
  });
  return new Set(behind.map(({ metadata }) => metadata.name));
}

function collect({ metadata, spec, status }: NodePlan, drafts: Map<string, Draft>): void {
  const held = new Set((status?.held ?? []).map(({ address }) => canonical(address)));
  // Who was elected to have addresses on lo holds them by that instance.
  const elected = new Map((spec.loopback ?? []).filter((each) => each.elected).map((each) => [each.name, each]));
  const spares = (spec.spares ?? []).map((spare) => ({
    ...spare,
    addresses: elected.get(spare.pool)?.addresses ?? [],
  }));
  for (const { name, peers = [], addresses } of [...holdingInstances(spec), ...spares]) {
    const draft = drafts.get(name) ?? { previousPeers: new Map(), heldBy: new Set() };
    drafts.set(name, draft);
    draft.previousPeers.set(metadata.name, peers);
    if (addresses.some((address) => held.has(canonical(address)))) draft.heldBy.add(metadata.name);
  }
}

/**
 * Finds out what the nodes' last plans have of each group.
 *
 * A node whose sidecar is gone is not waited for. One whose sidecar is there but does not report is: it may be cut off from the API and go on
 * with a plan in which it does not know its new peers.
 *
 * @param plans as they are stored, with their status
 * @returns by the instance's name
 */
export function assignmentsOf(plans: readonly NodePlan[], nodes: readonly PlanningNode[]): Map<string, Assignment> {
  const drafts = new Map<string, Draft>();
  for (const plan of plans) collect(plan, drafts);
  const owners = ownersOf(nodes);
  const behind = nodesBehind(plans, nodes);
  const concerned = ({ previousPeers }: Draft) => [
    ...previousPeers.keys(),
    ...[...previousPeers.values()].flat().map((peer) => owners.get(peer) ?? ''),
  ];
  return new Map(
    [...drafts].map(([name, draft]) => {
      return [name, { ...draft, observedByAll: concerned(draft).every((node) => !behind.has(node)) }];
    }),
  );
}
