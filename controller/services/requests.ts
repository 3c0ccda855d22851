import type { Found, Sources } from './choose.ts';
import type { Entry, Ledger } from './ledger.ts';
import type { Asking } from './sharing.ts';
import type { AllocationInput, Refusal, ServicePool } from './types.ts';

/** What a request is decided by. */
export interface RequestInput extends Pick<Sources, 'pools' | 'admission' | 'sharers'> {
  readonly ledger: Ledger;
  readonly unavailable: AllocationInput['unavailable'];
}

function isRetainedFor(entry: Entry | undefined, { owner }: Asking): boolean {
  return entry?.retained?.namespace === owner.namespace && entry.retained.name === owner.name;
}

/** The pool that an address is of: the one that gave it, else the one that would. */
function poolOf({ pools }: RequestInput, address: string, entry: Entry | undefined): ServicePool | undefined {
  return entry !== undefined && pools.has(entry.pool, address) ? pools.get(entry.pool) : pools.ownerOf(address);
}

function placeRefusal(pool: ServicePool, address: string, { wish }: Asking): Refusal | undefined {
  if (wish.pool === undefined || wish.pool.name === pool.name) return undefined;
  const message = `${address} is of pool ${pool.name}, but ${wish.pool.from} asks for pool ${wish.pool.name}; change one of them`;
  return { reason: 'NotInPool', message };
}

function admissionRefusal(
  { admission }: RequestInput,
  pool: ServicePool,
  entry: Entry | undefined,
  asking: Asking,
): Refusal | undefined {
  const { service } = asking;
  return isRetainedFor(entry, asking) ? admission.refusal(service, pool) : admission.newRefusal(service, pool);
}

function takenRefusal(
  input: RequestInput,
  address: string,
  entry: Entry | undefined,
  asking: Asking,
): Refusal | undefined {
  const why = input.unavailable.get(address);
  if (why !== undefined) return { reason: 'AddressTaken', message: `${address} ${why}` };
  return entry === undefined ? undefined : input.sharers.refusal(entry, asking);
}

/** Decides whether a Service may have an address that it asks for by name. One that waits for another Service makes nobody wait. */
export function request(input: RequestInput, address: string, asking: Asking): Found {
  const entry = input.ledger.get(address);
  const pool = poolOf(input, address, entry);
  if (pool === undefined) {
    const message = `no pool has ${address} in its spec.ranges; ask for an address of one, or widen a pool`;
    return { refusal: { reason: 'NotInPool', message } };
  }
  const refusal =
    placeRefusal(pool, address, asking) ??
    admissionRefusal(input, pool, entry, asking) ??
    takenRefusal(input, address, entry, asking);
  return refusal === undefined ? { pick: { address, pool: pool.name } } : { refusal };
}
