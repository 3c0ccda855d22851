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
  /** Every fit node is to have it; else one. */
  readonly everywhere: boolean;
}

/** Addresses that every fit node is to have, in canonical form. Pure. */
export function plannedEverywhere({ demands }: Pick<Plan, 'demands'>): ReadonlySet<string> {
  const all = [...demands.values()].filter(({ everywhere }) => everywhere === true);
  return new Set(all.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
}

/**
 * Whether as many nodes have an address as are to have it, as they report. Pure.
 */
export function heldVerdict({ spec }: ServiceAddress, { holders, exhausted, everywhere }: HeldBy): Verdict {
  const type = 'Held';
  const names = holders.map(({ node }) => node);
  if (everywhere && names.length > 0) {
    const message = `held by ${count(names.length, 'node')}: ${few(names)}`;
    return { type, status: 'True', reason: 'EveryFitNode', message };
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
