import { compareText } from '../../common/compare-text.ts';
import { few } from '../text/sentences.ts';
import { ADDRESSES } from './annotations.ts';
import type { Entry } from './ledger.ts';
import { outsideOf } from './outside-pool.ts';
import type { PoolBook } from './pool-book.ts';
import { published } from './published.ts';
import { type Lack, needsBoth } from './settle.ts';
import type { Asking } from './sharing.ts';
import type { LoadBalancerService, Refusal, ServiceVerdict } from './types.ts';

/** What is known of a Service in the end. */
export interface Outcome {
  readonly asking: Asking;
  /** What it has. */
  readonly held: readonly Entry[];
  readonly lacks: readonly Lack[];
  /** Why it could not have an address beside those that have it, too. */
  readonly quarrel: Refusal | undefined;
  /** Addresses that it had. */
  readonly released: readonly string[];
}

type Said = Pick<ServiceVerdict, 'ok' | 'reason' | 'message'>;

function familyNames(asking: Asking): string {
  return asking.wish.families.map((family) => `IPv${family}`).join(' and ');
}

/** Addresses in the order of the Service's families; of one family those that it publishes first, as they are there. */
function inOrder({ asking: { wish, service }, held }: Outcome): Entry[] {
  const order = published(service);
  const place = ({ address }: Entry) => {
    const index = order.indexOf(address);
    return index < 0 ? order.length : index;
  };
  return held.toSorted(
    (a, b) =>
      wish.families.indexOf(a.family) - wish.families.indexOf(b.family) ||
      place(a) - place(b) ||
      compareText(a.address, b.address),
  );
}

function ofPool(pools: PoolBook, { address, pool }: Entry): string {
  const outside = pools.has(pool, address) ? undefined : outsideOf(pool, pools.get(pool), address);
  return outside === undefined ? `${address} of pool ${pool}` : `${address} (OutsidePool: ${outside.message})`;
}

/** A pool that is asked for by name decides on what is new; what a Service has, it keeps. */
function elsewhere({ asking: { wish }, held }: Outcome): string | undefined {
  const { pool } = wish;
  if (pool === undefined || held.every((entry) => entry.pool === pool.name)) return undefined;
  return `${pool.from} asks for pool ${pool.name}, but an address that a Service has is changed only for one that annotation ${ADDRESSES.own} names`;
}

function kept(outcome: Outcome, pools: PoolBook): Said {
  const entries = inOrder(outcome);
  const has = few(entries.map((entry) => ofPool(pools, entry)));
  const other = elsewhere(outcome);
  if (other !== undefined) return { ok: true, reason: 'Kept', message: `it keeps ${has}: ${other}` };
  if (entries.every(({ pool, address }) => pools.has(pool, address))) {
    return { ok: true, reason: 'Allocated', message: `it has ${has}` };
  }
  return { ok: true, reason: 'Kept', message: `it keeps ${has}` };
}

/** Whether it has an address, and lacks only one of the other family that it would prefer to have. */
function prefersMore({ asking, held, lacks }: Outcome): boolean {
  if (held.length === 0 || asking.service.ipFamilyPolicy !== 'PreferDualStack') return false;
  return lacks.every(({ family, listed }) => !listed && !held.some((entry) => entry.family === family));
}

function lacking(outcome: Outcome, { family, refusal }: Lack, pools: PoolBook): Said {
  const { asking, held } = outcome;
  const has = few(inOrder(outcome).map((entry) => ofPool(pools, entry)));
  if (prefersMore(outcome)) {
    const message = `it has ${has}, and gets one of IPv${family} when there is one: ${refusal.message}`;
    return { ok: true, reason: 'AwaitingSecondFamily', message };
  }
  const both = needsBoth(asking) ? `it needs addresses of ${familyNames(asking)}: ` : '';
  return denied({ ...refusal, message: `${both}${refusal.message}` }, held.length === 0 ? undefined : has);
}

function denied({ reason, message }: Refusal, has: string | undefined): Said {
  return { ok: false, reason, message: has === undefined ? message : `${message}. It keeps ${has}` };
}

function said(outcome: Outcome, pools: PoolBook): Said {
  const { asking, lacks, quarrel } = outcome;
  const has = outcome.held.length === 0 ? undefined : few(inOrder(outcome).map((entry) => ofPool(pools, entry)));
  const refusal = asking.wish.problem ?? quarrel;
  if (refusal !== undefined) return denied(refusal, has);
  const first = lacks.find(({ listed }) => listed) ?? lacks[0];
  return first === undefined ? kept(outcome, pools) : lacking(outcome, first, pools);
}

/** What is said of a Service that is served. Pure. */
export function verdictOf(outcome: Outcome, pools: PoolBook): ServiceVerdict {
  const { asking, released } = outcome;
  const addresses = inOrder(outcome).map(({ address }) => address);
  return { service: asking.service, serves: true, addresses, released, ...said(outcome, pools) };
}

/** What is said of one that gives up what it had. Pure. */
export function partingVerdict(service: LoadBalancerService, released: readonly string[]): ServiceVerdict {
  const why = service.metadata.deleting ? 'it is being deleted' : 'it is no load balancer of ours any more';
  return { service, serves: false, addresses: [], released, ok: false, reason: 'NotServed', message: why };
}
