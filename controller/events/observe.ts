import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { poolReference } from '../kubernetes/references.ts';
import type { Problem, ProblemKind, RefusedAddress } from '../plan/types.ts';
import { count, few } from '../text/sentences.ts';

/** A pool as it is to be seen now. */
export interface PoolView {
  readonly name: string;
  readonly uid: string | undefined;
  /** Its addresses that are not refused, in canonical form, with the nodes that hold them. */
  readonly addresses: readonly { readonly address: string; readonly holders: readonly string[] }[];
  readonly refused: readonly RefusedAddress[];
  readonly problems: readonly Problem[];
  /** What keeps nodes that take part in it from carrying out their plan. */
  readonly nodeProblems: readonly { readonly node: string; readonly problem: string }[];
}

/** That addresses of a pool went from one node to another. */
export interface Move {
  readonly pool: string;
  readonly addresses: readonly string[];
  readonly from: string;
  readonly to: string;
}

/** What is remembered from one run to the next. */
export interface Observed {
  /** By pool and address: the last node that held it alone. */
  readonly lastHolder: ReadonlyMap<string, string>;
  /** By pool and address: since when several nodes hold it, and whether that was announced. */
  readonly doubles: ReadonlyMap<string, { readonly sinceMs: number; readonly announced: boolean }>;
  /** What was wrong and announced; announced again only after it had gone. */
  readonly announced: ReadonlySet<string>;
}

/** What one comparison found. */
export interface Observation {
  readonly observed: Observed;
  readonly moves: readonly Move[];
  readonly events: readonly ClusterEvent[];
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

/** Two masters for a moment are VRRP's way of handing over before the old one has let go. */
const DOUBLE_GRACE_MS = 1000;

/** Problems that are notes, not faults. */
const NOTES: ReadonlySet<ProblemKind> = new Set(['CoarseSpread', 'NodesWithoutAgent']);

function keyOf(pool: string, address: string): string {
  return `${pool}\n${address}`;
}

function warning(pool: PoolView, reason: string, action: string, note: string): ClusterEvent {
  return { regarding: poolReference(pool), type: 'Warning', reason, action, note };
}

function rememberHolders(pools: readonly PoolView[], before: Observed | undefined): Map<string, string> {
  const holders = new Map<string, string>();
  for (const { name, addresses } of pools) {
    for (const { address, holders: now } of addresses) {
      const key = keyOf(name, address);
      const last = now.length === 1 ? now[0] : before?.lastHolder.get(key);
      if (last !== undefined) holders.set(key, last);
    }
  }
  return holders;
}

function movesOf({ name, addresses }: PoolView, before: Observed): Move[] {
  const routes = new Map<string, { from: string; to: string; addresses: string[] }>();
  for (const { address, holders } of addresses) {
    const from = before.lastHolder.get(keyOf(name, address));
    const [to] = holders;
    if (holders.length !== 1 || to === undefined || from === undefined || from === to) continue;
    const route = routes.get(keyOf(from, to)) ?? { from, to, addresses: [] };
    routes.set(keyOf(from, to), route);
    route.addresses.push(address);
  }
  return [...routes.values()].map((route) => ({ pool: name, ...route }));
}

function moveEvent(pool: PoolView, { from, to, addresses }: Move): ClusterEvent {
  const note = `${count(addresses.length, 'address', 'addresses')} moved from ${from} to ${to}: ${few(addresses)}`;
  return { regarding: poolReference(pool), type: 'Normal', reason: 'AddressesMoved', action: 'Move', note };
}

interface Doubles {
  readonly next: Map<string, { sinceMs: number; announced: boolean }>;
  readonly events: ClusterEvent[];
  reviewAtMs: number | undefined;
}

function findDoubles(pool: PoolView, before: Observed['doubles'], nowMs: number, found: Doubles): void {
  const overdue: string[] = [];
  for (const { address, holders } of pool.addresses.filter((known) => known.holders.length > 1)) {
    const key = keyOf(pool.name, address);
    const { sinceMs, announced } = before.get(key) ?? { sinceMs: nowMs, announced: false };
    const due = nowMs - sinceMs > DOUBLE_GRACE_MS;
    if (due && !announced) overdue.push(`${address} by ${holders.join(' and ')}`);
    if (!due) found.reviewAtMs = Math.min(found.reviewAtMs ?? Number.POSITIVE_INFINITY, sinceMs + DOUBLE_GRACE_MS + 1);
    found.next.set(key, { sinceMs, announced: announced || due });
  }
  if (overdue.length === 0) return;
  found.events.push(warning(pool, 'SeveralHolders', 'Watch', `held by more than one node: ${few(overdue)}`));
}

/** What is wrong with a pool, each thing under the key by which it is announced once. */
function faultsOf(pool: PoolView): Map<string, ClusterEvent> {
  const faults = new Map<string, ClusterEvent>();
  for (const { address, reason } of pool.refused) {
    faults.set(keyOf(pool.name, `refused ${address}`), warning(pool, 'AddressRefused', 'Plan', reason));
  }
  for (const { kind, message } of pool.problems) {
    const event = warning(pool, kind, 'Plan', message);
    faults.set(keyOf(pool.name, kind), NOTES.has(kind) ? { ...event, type: 'Normal' } : event);
  }
  for (const { node, problem } of pool.nodeProblems) {
    const event = warning(pool, 'NodeProblem', 'Configure', `${node}: ${problem}`);
    faults.set(keyOf(pool.name, `${node} ${problem}`), { ...event, node });
  }
  return faults;
}

/**
 * Compares what is with what was.
 * @param pools as they are to be seen now
 * @param before what the last comparison remembered; undefined: this is the first, nothing has moved yet
 * @param nowMs of a clock that only grows
 */
export function observe(pools: readonly PoolView[], before: Observed | undefined, nowMs: number): Observation {
  const events: ClusterEvent[] = [];
  const moves: Move[] = [];
  const doubles: Doubles = { next: new Map(), events, reviewAtMs: undefined };
  const announced = new Set<string>();
  for (const pool of pools) {
    const moved = before === undefined ? [] : movesOf(pool, before);
    moves.push(...moved);
    events.push(...moved.map((move) => moveEvent(pool, move)));
    findDoubles(pool, before?.doubles ?? new Map(), nowMs, doubles);
    for (const [key, event] of faultsOf(pool)) {
      if (before?.announced.has(key) !== true) events.push(event);
      announced.add(key);
    }
  }
  const observed = { lastHolder: rememberHolders(pools, before), doubles: doubles.next, announced };
  return { observed, moves, events, reviewAtMs: doubles.reviewAtMs };
}
