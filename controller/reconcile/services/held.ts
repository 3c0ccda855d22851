import type { ServiceAddress } from '../../../api/service-address.ts';
import { TOO_MANY_LOCAL } from '../../events/local-services.ts';
import type { Plan } from '../../plan/types.ts';
import { count, few } from '../../text/sentences.ts';
import type { Verdict } from '../conditions.ts';
import type { Claim } from '../holders.ts';

/** What is known of who has an address. */
interface HeldBy {
  readonly holders: readonly Claim[];
  /** Why no node can have it. */
  readonly exhausted: string | undefined;
  /** Which nodes are to have it, where several are; undefined: one is. */
  readonly several: Several | undefined;
}

/** Which nodes are to have an address that several are to have, as a condition gives it for its reason. */
export type Several = 'EveryFitNode' | 'ElectedNodes';

/** Addresses that several nodes are to have, in canonical form. Pure. */
export function plannedForSeveral({ demands }: Pick<Plan, 'demands'>): ReadonlyMap<string, Several> {
  const all = [...demands.values()].filter(({ everywhere }) => everywhere === true);
  return new Map(
    all.flatMap(({ addresses, elected }) =>
      addresses.map(({ address }) => [address, elected === true ? 'ElectedNodes' : 'EveryFitNode'] as const),
    ),
  );
}

/**
 * Whether as many nodes have an address as are to have it, as they report. Pure.
 */
export function heldVerdict({ spec }: ServiceAddress, { holders, exhausted, several }: HeldBy): Verdict {
  const type = 'Held';
  const names = holders.map(({ node }) => node);
  if (several !== undefined && names.length > 0) {
    const message = `held by ${count(names.length, 'node')}: ${few(names)}`;
    return { type, status: 'True', reason: several, message };
  }
  if (names.length === 1) return { type, status: 'True', reason: 'OneHolder', message: `held by ${names[0]}` };
  if (names.length > 1) {
    return { type, status: 'False', reason: 'SeveralHolders', message: `held by ${names.join(' and ')}` };
  }
  if (exhausted !== undefined) return { type, status: 'False', reason: TOO_MANY_LOCAL, message: exhausted };
  return spec.owners.length === 0
    ? { type, status: 'False', reason: 'Retained', message: 'no Service has it, so no node needs it' }
    : { type, status: 'False', reason: 'NotHeld', message: 'held by no node' };
}
