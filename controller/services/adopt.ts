import { familyOf } from '../../common/addresses.ts';
import type { Admission } from './admission.ts';
import { ADDRESSES } from './annotations.ts';
import type { Ledger } from './ledger.ts';
import type { PoolBook } from './pool-book.ts';
import { published } from './published.ts';
import { wantedCount } from './settle.ts';
import type { Sharers } from './sharers.ts';
import type { Asking } from './sharing.ts';
import type { AllocationInput, Refusal, ServicePool } from './types.ts';

/** What decides on it. */
export interface AdoptionInput {
  readonly ledger: Ledger;
  readonly pools: PoolBook;
  readonly admission: Admission;
  readonly sharers: Sharers;
  readonly unavailable: AllocationInput['unavailable'];
  readonly onNodes: AllocationInput['onNodes'];
}

function lacks({ ledger }: AdoptionInput, asking: Asking, address: string): boolean {
  const family = familyOf(address);
  if (!asking.wish.families.includes(family)) return false;
  const held = ledger.of(asking.owner.uid).filter((entry) => entry.family === family);
  return held.length < wantedCount(asking, family) && !held.some((entry) => entry.address === address);
}

/** The pool of an address that nobody else has; whom it serves, and whether it gives anything new, is not asked: it is in use. */
function poolFor(input: AdoptionInput, asking: Asking, address: string): ServicePool | undefined {
  const { ledger, pools, admission, sharers, unavailable } = input;
  const entry = ledger.get(address);
  const known = entry === undefined ? undefined : pools.get(entry.pool);
  const pool = known ?? pools.ownerOf(address);
  if (pool === undefined || unavailable.has(address) || admission.fence(asking.service, pool) !== undefined)
    return undefined;
  return entry !== undefined && sharers.refusal(entry, asking) !== undefined ? undefined : pool;
}

/** Why an address that it publishes cannot be taken over yet: the load balancer before put it on a node, which has it still. */
function awaited(
  { pools, unavailable, onNodes }: AdoptionInput,
  { wish }: Asking,
  address: string,
): Refusal | undefined {
  const why = onNodes?.has(address) === true ? unavailable.get(address) : undefined;
  const names = wish.listed.some((each) => familyOf(each) === familyOf(address));
  if (why === undefined || names || pools.ownerOf(address) === undefined) return undefined;
  const fix = `it is taken over when that is so no more; stop what put it there, or ask for another address by annotation ${ADDRESSES.own}`;
  return { reason: 'AddressTaken', message: `${address}, which it publishes, ${why}; ${fix}` };
}

/**
 * Gives a Service the addresses that it publishes without a claim: another load balancer gave them, or a claim was lost. It is not
 * renumbered for that.
 * @returns why it gets nothing else either, for now: it has to have what it publishes
 */
export function adopt(input: AdoptionInput, asking: Asking): Refusal | undefined {
  const lacking = published(asking.service).filter((address) => lacks(input, asking, address));
  for (const address of lacking) {
    const pool = lacks(input, asking, address) ? poolFor(input, asking, address) : undefined;
    if (pool === undefined) continue;
    input.ledger.give(address, pool.name, asking.owner, asking.wish.share?.key);
    const entry = input.ledger.get(address);
    if (entry !== undefined) input.sharers.add(entry);
  }
  return lacking
    .filter((address) => lacks(input, asking, address))
    .map((address) => awaited(input, asking, address))
    .find((refusal) => refusal !== undefined);
}
