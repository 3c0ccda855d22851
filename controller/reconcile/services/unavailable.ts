import type { NodePlan } from '../../../api/node-plan.ts';
import { canonical } from '../../../common/addresses.ts';
import type { ClusterState } from '../cluster-state.ts';

/** What nobody may have besides, by the settings. */
export interface Reserved {
  /** The release's own virtual addresses. */
  readonly addresses: readonly string[];
}

function reportedBy({ metadata: { name }, status }: NodePlan): [string, string][] {
  return (status?.addresses ?? []).map((subnet) => [canonical(subnet), `is an address of node ${name} itself`]);
}

/**
 * Addresses that no Service may have, in canonical form, with the reason. What a Service has already it keeps: the word of one node takes
 * nothing away. Pure.
 */
export function unavailableAddresses(
  { pools, plans, nodes }: Pick<ClusterState, 'pools' | 'plans' | 'nodes'>,
  reserved: Reserved,
): Map<string, string> {
  const ofPools = pools.flatMap(({ metadata: { name }, spec }) =>
    (spec.addresses ?? []).map(
      (given) => [canonical(given), `is held by pool "${name}" with or without a Service`] as const,
    ),
  );
  const ofNodes = nodes.flatMap(({ metadata: { name }, internalAddresses, externalAddresses }) =>
    [...internalAddresses, ...externalAddresses].map(
      (address) => [canonical(address), `is an address of node ${name} itself`] as const,
    ),
  );
  const ofRelease = reserved.addresses.map(
    (address) => [canonical(address), "is the release's own virtual address"] as const,
  );
  return new Map([...plans.flatMap(reportedBy), ...ofPools, ...ofNodes, ...ofRelease]);
}

/** Addresses in canonical form that nodes report of their interfaces, and that no plan put there. Pure. */
export function reportedAddresses(plans: readonly NodePlan[]): Set<string> {
  return new Set(plans.flatMap(({ status }) => (status?.addresses ?? []).map(canonical)));
}
