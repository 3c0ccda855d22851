import type { StoredState } from '../cluster-state.ts';
import { assignedAddresses, type Claim } from '../holders.ts';

/** What decides whether an address is still somewhere. */
export interface Whereabouts {
  readonly state: Pick<StoredState, 'plans'>;
  /** By address in canonical form. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
}

/**
 * Names of the nodes that still have an address, or may still get it: those that report it, else those whose plan has it. Pure.
 * @param address in canonical form
 */
export function nodesWith(address: string, { state, holders }: Whereabouts): string[] {
  const holding = (holders.get(address) ?? []).map(({ node }) => node);
  if (holding.length > 0) return holding;
  return state.plans.filter((plan) => assignedAddresses(plan).has(address)).map(({ metadata }) => metadata.name);
}
