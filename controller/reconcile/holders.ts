import type { NodePlan, NodePlanSpec, NodePlanStatus } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';

/*
 * Who holds an address. A node says so in its NodePlan's status, and a node that died cannot take it back: for a while two nodes say that
 * they hold what only the second does. The older claim is believed beside a newer one only after a sign of life of its node.
 */

/** The kubelet's silence is noticed within this time (kube-controller-manager's --node-monitor-grace-period, 50 s). */
export const SILENCE_MS = 60_000;

/** A node's word that it holds an address. */
export interface Claim {
  readonly node: string;
  /** By the node's clock. */
  readonly since: string;
  /** When this controller heard of it first, in milliseconds of its own clock. */
  readonly heardMs: number;
}

/** The same, with what was said: a node's clock may be ahead of all others. */
interface HeardClaim extends Claim {
  readonly told: string;
}

/** What is remembered from one look to the next. */
export interface Hearing {
  /** By node: its last report, and when it last changed. */
  readonly reports: ReadonlyMap<string, { readonly text: string; readonly changedMs: number }>;
  /** By address in canonical form. */
  readonly claims: ReadonlyMap<string, readonly HeardClaim[]>;
}

/** Before anything was heard. */
export const NOTHING_HEARD: Hearing = { reports: new Map(), claims: new Map() };

/** Who holds what. */
export interface Holders {
  readonly hearing: Hearing;
  /** By address in canonical form: the claims that are believed, oldest first. One, unless something is wrong. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

interface Look {
  readonly ready: ReadonlySet<string>;
  readonly reports: Hearing['reports'];
  readonly nowMs: number;
}

/** What time it is, by a clock that only grows and by the one that people read; both in milliseconds. */
export interface Now {
  readonly nowMs: number;
  readonly wallMs: number;
}

function listenTo(plans: readonly NodePlan[], before: Hearing['reports'], nowMs: number): Hearing['reports'] {
  return new Map(
    plans.map(({ metadata: { name }, status }) => {
      const text = JSON.stringify(status ?? null);
      const known = before.get(name);
      // What a controller finds at its start may be old: only a change is a sign of life.
      const changedMs = known === undefined ? Number.NEGATIVE_INFINITY : nowMs;
      return [name, known?.text === text ? known : { text, changedMs }];
    }),
  );
}

/** A time of a node's clock, but none that is yet to come. */
function notLater(since: string, { wallMs }: Now): string {
  return Date.parse(since) > wallMs ? new Date(wallMs).toISOString() : since;
}

/** Specs stay the same object from one look to the next, and reading an IPv6 address takes its time. */
const readSpecs = new WeakMap<NodePlanSpec, ReadonlySet<string>>();

/** Addresses that a node is told to run, in canonical form. Of others it may say what it likes. */
export function toldAddresses({ spec }: NodePlan): ReadonlySet<string> {
  const known = readSpecs.get(spec);
  if (known !== undefined) return known;
  const told = new Set(spec.instances.flatMap(({ addresses }) => addresses.map(canonical)));
  readSpecs.set(spec, told);
  return told;
}

/**
 * Collects the claims that count: to addresses that the node is told to run, and to those that it was, for as long as it goes on claiming
 * them. So no node can claim what was never given to it, and one that does not let go is still seen.
 */
function collectClaims(plans: readonly NodePlan[], before: Hearing['claims'], now: Now): Map<string, HeardClaim[]> {
  const claims = new Map<string, HeardClaim[]>();
  for (const plan of plans) {
    for (const [address, claim] of claimsOf(plan, before, now)) {
      claims.set(address, [...(claims.get(address) ?? []), claim]);
    }
  }
  return claims;
}

function claimsOf(plan: NodePlan, before: Hearing['claims'], now: Now): [address: string, claim: HeardClaim][] {
  const { name: node } = plan.metadata;
  const told = toldAddresses(plan);
  return [...heldIn(plan.status)].flatMap(([address, since]) => {
    const earlier = before.get(address)?.find((claim) => claim.node === node);
    if (earlier === undefined && !told.has(address)) return [];
    const fresh = { node, since: notLater(since, now), told: since, heardMs: now.nowMs };
    return [[address, earlier?.told === since ? earlier : fresh]];
  });
}

/** By address, so that a node that names one twice claims it once. */
function heldIn(status: NodePlanStatus | undefined): ReadonlyMap<string, string> {
  return new Map((status?.held ?? []).map(({ address, since }) => [canonical(address), since]));
}

function byAge(a: Claim, b: Claim): number {
  return a.heardMs - b.heardMs || Date.parse(a.since) - Date.parse(b.since) || (a.node < b.node ? -1 : 1);
}

/** Milliseconds after which an older claim is believed beside a newer one; 0: it is, Infinity: it is not. */
function doubtMs(older: Claim, newest: Claim, { ready, reports, nowMs }: Look): number {
  if ((reports.get(older.node)?.changedMs ?? Number.NEGATIVE_INFINITY) > newest.heardMs) return 0;
  return ready.has(older.node) ? Math.max(0, newest.heardMs + SILENCE_MS - nowMs) : Number.POSITIVE_INFINITY;
}

function judge(claims: readonly Claim[], look: Look): { believed: Claim[]; waitMs: number } {
  const sorted = claims.toSorted(byAge);
  const newest = sorted.at(-1);
  if (newest === undefined) return { believed: [], waitMs: Number.POSITIVE_INFINITY };
  const doubts = sorted.map((claim) => (claim === newest ? 0 : doubtMs(claim, newest, look)));
  return {
    believed: sorted.filter((_claim, index) => doubts[index] === 0),
    waitMs: Math.min(...doubts.filter((doubt) => doubt > 0), Number.POSITIVE_INFINITY),
  };
}

/**
 * Finds out who holds what.
 * @param plans of all nodes, with their status
 * @param ready names of the nodes whose kubelet reports
 * @param before what the last look remembered
 */
export function holdersOf(plans: readonly NodePlan[], ready: ReadonlySet<string>, before: Hearing, now: Now): Holders {
  const { nowMs } = now;
  const reports = listenTo(plans, before.reports, nowMs);
  const claims = collectClaims(plans, before.claims, now);
  const holders = new Map<string, readonly Claim[]>();
  let waitMs = Number.POSITIVE_INFINITY;
  for (const [address, told] of claims) {
    const verdict = judge(told, { ready, reports, nowMs });
    holders.set(address, verdict.believed);
    waitMs = Math.min(waitMs, verdict.waitMs);
  }
  return { hearing: { reports, claims }, holders, reviewAtMs: Number.isFinite(waitMs) ? nowMs + waitMs : undefined };
}
