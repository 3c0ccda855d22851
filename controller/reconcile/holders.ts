import { holdingInstances, type NodePlan, type NodePlanSpec, type NodePlanStatus } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';

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
  /** When this controller saw it first, in milliseconds of its own clock. */
  readonly firstSeenMs: number;
}

/** The same, with what was reported: a node's clock may be ahead of all others. */
interface RememberedClaim extends Claim {
  readonly reportedSince: string;
}

/** What is remembered from one run to the next. */
export interface HolderMemory {
  /** By node: its last report, and when it last changed. */
  readonly reports: ReadonlyMap<string, { readonly text: string; readonly changedMs: number }>;
  /** By address in canonical form. */
  readonly claims: ReadonlyMap<string, readonly RememberedClaim[]>;
}

/** Before anything was reported. */
export const NOTHING_REPORTED: HolderMemory = { reports: new Map(), claims: new Map() };

/** Who holds what. */
export interface Holders {
  readonly memory: HolderMemory;
  /** By address in canonical form: the claims that are believed, oldest first. One, unless every node has it or something is wrong. */
  readonly holders: ReadonlyMap<string, readonly Claim[]>;
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

interface Circumstances {
  readonly ready: ReadonlySet<string>;
  readonly reports: HolderMemory['reports'];
  readonly nowMs: number;
}

/** What time it is, by a clock that only grows and by the one that people read; both in milliseconds. */
export interface Now {
  readonly nowMs: number;
  readonly wallMs: number;
}

function trackReports(
  plans: readonly NodePlan[],
  before: HolderMemory['reports'],
  nowMs: number,
): HolderMemory['reports'] {
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

/** Specs stay the same object from one run to the next, and reading an IPv6 address takes its time. */
const readSpecs = new WeakMap<NodePlanSpec, ReadonlySet<string>>();

/** Addresses of the instances that a node's plan has, in canonical form. Of others it may say what it likes. */
export function assignedAddresses({ spec }: NodePlan): ReadonlySet<string> {
  const known = readSpecs.get(spec);
  if (known !== undefined) return known;
  const { loopback = [] } = spec;
  const assigned = new Set(
    [...holdingInstances(spec), ...loopback].flatMap(({ addresses }) => addresses.map(canonical)),
  );
  readSpecs.set(spec, assigned);
  return assigned;
}

const readLoopbacks = new WeakMap<NodePlanSpec, readonly string[]>();

function onLoopback({ spec }: NodePlan): readonly string[] {
  const known = readLoopbacks.get(spec);
  if (known !== undefined) return known;
  const addresses = (spec.loopback ?? []).flatMap((each) => each.addresses.map(canonical));
  readLoopbacks.set(spec, addresses);
  return addresses;
}

/** Addresses that plans give to every fit node, in canonical form: that several have one of them is as it should be. Pure. */
export function everywhereIn(plans: readonly NodePlan[]): ReadonlySet<string> {
  return new Set(plans.flatMap(onLoopback));
}

/**
 * Collects the claims that count: to addresses that the node's plan has, and to those that it had, for as long as it goes on claiming
 * them. So no node can claim what was never given to it, and one that does not let go is still seen.
 */
function collectClaims(
  plans: readonly NodePlan[],
  before: HolderMemory['claims'],
  now: Now,
): Map<string, RememberedClaim[]> {
  const claims = new Map<string, RememberedClaim[]>();
  for (const plan of plans) {
    for (const [address, claim] of claimsOf(plan, before, now)) {
      claims.set(address, [...(claims.get(address) ?? []), claim]);
    }
  }
  return claims;
}

function claimsOf(
  plan: NodePlan,
  before: HolderMemory['claims'],
  now: Now,
): [address: string, claim: RememberedClaim][] {
  const { name: node } = plan.metadata;
  const assigned = assignedAddresses(plan);
  return [...heldIn(plan.status)].flatMap(([address, since]) => {
    const earlier = before.get(address)?.find((claim) => claim.node === node);
    if (earlier === undefined && !assigned.has(address)) return [];
    const fresh = { node, since: notLater(since, now), reportedSince: since, firstSeenMs: now.nowMs };
    return [[address, earlier?.reportedSince === since ? earlier : fresh]];
  });
}

/** By address, so that a node that names one twice claims it once. */
function heldIn(status: NodePlanStatus | undefined): ReadonlyMap<string, string> {
  return new Map((status?.held ?? []).map(({ address, since }) => [canonical(address), since]));
}

function byAge(a: Claim, b: Claim): number {
  return a.firstSeenMs - b.firstSeenMs || Date.parse(a.since) - Date.parse(b.since) || compareText(a.node, b.node);
}

/** Milliseconds after which an older claim is believed beside a newer one; 0: it is, Infinity: it is not. */
function doubtMs(older: Claim, newest: Claim, { ready, reports, nowMs }: Circumstances): number {
  if ((reports.get(older.node)?.changedMs ?? Number.NEGATIVE_INFINITY) > newest.firstSeenMs) return 0;
  return ready.has(older.node) ? Math.max(0, newest.firstSeenMs + SILENCE_MS - nowMs) : Number.POSITIVE_INFINITY;
}

/** Who has an address beside others takes nothing back, either, when it dies: its kubelet's silence tells. */
function believeAll(claims: readonly Claim[], { ready }: Circumstances): { believed: Claim[]; waitMs: number } {
  return {
    believed: claims.filter(({ node }) => ready.has(node)).toSorted(byAge),
    waitMs: Number.POSITIVE_INFINITY,
  };
}

function judge(claims: readonly Claim[], circumstances: Circumstances): { believed: Claim[]; waitMs: number } {
  const sorted = claims.toSorted(byAge);
  const newest = sorted.at(-1);
  if (newest === undefined) return { believed: [], waitMs: Number.POSITIVE_INFINITY };
  const doubts = sorted.map((claim) => (claim === newest ? 0 : doubtMs(claim, newest, circumstances)));
  return {
    believed: sorted.filter((_claim, index) => doubts[index] === 0),
    waitMs: Math.min(...doubts.filter((doubt) => doubt > 0), Number.POSITIVE_INFINITY),
  };
}

/**
 * Finds out who holds what.
 * @param plans of all nodes, with their status
 * @param ready names of the nodes whose kubelet reports
 * @param before what the last run remembered
 */
export function holdersOf(
  plans: readonly NodePlan[],
  ready: ReadonlySet<string>,
  before: HolderMemory,
  now: Now,
): Holders {
  const { nowMs } = now;
  const reports = trackReports(plans, before.reports, nowMs);
  const claims = collectClaims(plans, before.claims, now);
  const holders = new Map<string, readonly Claim[]>();
  let waitMs = Number.POSITIVE_INFINITY;
  const everywhere = everywhereIn(plans);
  for (const [address, claimed] of claims) {
    const circumstances = { ready, reports, nowMs };
    const verdict = everywhere.has(address) ? believeAll(claimed, circumstances) : judge(claimed, circumstances);
    holders.set(address, verdict.believed);
    waitMs = Math.min(waitMs, verdict.waitMs);
  }
  return { memory: { reports, claims }, holders, reviewAtMs: Number.isFinite(waitMs) ? nowMs + waitMs : undefined };
}
