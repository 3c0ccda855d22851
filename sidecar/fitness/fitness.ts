import { BANDS, type Band, isHealthy, servesBadly } from '../../api/bands.ts';
import type { CheckView } from '../checks/types.ts';
import { outageCounts } from './api-outage.ts';
import { BASE_PRIORITY, LEVELS, type Level, priorityOf, reasonOf } from './priority.ts';
import { type EndpointCount, severalEndpoints } from './several-endpoints.ts';

/* How a node's health becomes gate and priority. Pure: no clock, no file, no socket. */

/** What it means for the node when a check fails. */
export type CheckEffect =
  | 'serviceFailed'
  | 'kubeletFailed'
  | 'noKubeApi'
  | 'noLocalEndpoint'
  /** The same, and the node serves nobody, while others have endpoints: it gives the address away at once. */
  | 'localEndpointsGone';

/** A check that the decision rests on. */
export interface JudgedCheck {
  readonly effect: CheckEffect;
  readonly view: CheckView;
}

/** Everything that the decision rests on. */
export interface FitnessInput {
  readonly nowMs: number;
  /** In any order; a check that is switched off is absent. Of several with the same effect, one that fails is enough. */
  readonly checks: readonly JudgedCheck[];
  /** Whether the pod is about to go, or was asked to give the address away. */
  readonly draining: boolean;
  /** Whether the node is cordoned, as the Kubernetes API said last. */
  readonly cordoned: boolean;
  /**
   * How much of the instance's addresses this node can carry: `none` where it cannot even speak VRRP and would take itself for the only
   * one. Absent: all of them.
   */
  readonly carries?: 'all' | 'some' | 'none';
  /** Whether this node holds the virtual address now, by VRRP. */
  readonly holder: boolean;
  /** Place in the order of preference, 0 is first. */
  readonly rank: number;
  /** Whether the node leaves the instance to others that are as well, because it has another that does the same; absent: no. */
  readonly yields?: boolean;
  /** Whether the node has several endpoints of the Service; absent: that is not known, or does not count. */
  readonly endpoints?: EndpointCount | undefined;
  /**
   * Since when the node counts as up, in milliseconds: what the first decision finds counts as having been so since then. Absent: since
   * that decision.
   */
  readonly upSinceMs?: number;
  readonly policy: FitnessPolicy;
}

/** What the user asked for. Durations in seconds. */
export interface FitnessPolicy {
  /** The holder keeps the address also when it alone cannot reach the API (band 1). */
  readonly noPreempt: boolean;
  /** Null: the address stays where it is. Otherwise a better-ranked node takes it back when it has been healthy for so long. */
  readonly failbackDelaySeconds: number | null;
  readonly lastResort: { readonly enabled: boolean; readonly afterSeconds: number };
  /**
   * How long a holder waits before it counts a lost API against itself, and a backup before it counts a regained one for itself: long
   * enough that all nodes have noticed. An outage of the API itself, which nodes notice at different moments, then moves nothing.
   */
  readonly kubeApiSettleSeconds: number;
}

/** The decision, and when it must be made again although nothing happens. */
export interface Fitness {
  readonly band: Band;
  readonly reason: string;
  /** Whether something is wrong with the node for which it should not hold the address: more than a drain or an API out of reach. */
  readonly failed: boolean;
  /** 1: may hold the address; 0: keepalived goes to FAULT. */
  readonly gate: 0 | 1;
  /** Added to {@link BASE_PRIORITY} by keepalived. */
  readonly offset: number;
  /** The VRRP priority that results. */
  readonly priority: number;
  /** Since when the band is what it is, in milliseconds. */
  readonly bandSinceMs: number;
  /** Whether it counts as one with several endpoints; absent: no. */
  readonly several?: boolean;
  /** The next moment at which time alone changes the decision, in milliseconds. */
  readonly reviewAtMs: number | undefined;
}

interface Judgement {
  readonly level: Level;
  readonly reviewAtMs?: number | undefined;
}

/** Long enough for others to take the address over, on a busy machine as well. */
const HAND_OVER_MS = 1000;

function viewsOf({ checks }: FitnessInput, effect: CheckEffect): CheckView[] {
  return checks.filter((check) => check.effect === effect).map(({ view }) => view);
}

function hasFailed(input: FitnessInput, effect: CheckEffect): boolean {
  return viewsOf(input, effect).some(({ healthy }) => healthy === false);
}

/**
 * A service that is known to fail is enough to decide; otherwise each must have reached a threshold, and so must the word on endpoints: a
 * holder whose sidecar begins anew would give the address away for as long as it has not asked.
 */
function isDecidable(input: FitnessInput): boolean {
  const asked = [...viewsOf(input, 'serviceFailed'), ...viewsOf(input, 'noLocalEndpoint')];
  return hasFailed(input, 'serviceFailed') || asked.every(({ healthy }) => healthy !== undefined);
}

function kubeApiJudgement(input: FitnessInput): Judgement {
  const { nowMs, holder, policy } = input;
  const standing = { nowMs, holder, noPreempt: policy.noPreempt, settleSeconds: policy.kubeApiSettleSeconds };
  const outages = viewsOf(input, 'noKubeApi').map((view) => outageCounts(view, standing));
  return {
    level: outages.some(({ counts }) => counts) ? LEVELS.noKubeApi : LEVELS.healthy,
    reviewAtMs: earliest(outages.map(({ reviewAtMs }) => reviewAtMs)),
  };
}

/** Where the last endpoint of a holder broke: until when it lets others take the address over at once, by the monotonic clock. */
function handOverUntilMs(input: FitnessInput): number | undefined {
  const since = viewsOf(input, 'localEndpointsGone').flatMap(({ healthy, sinceMs }) =>
    healthy === false && sinceMs !== undefined ? [sinceMs] : [],
  );
  return since.length === 0 ? undefined : Math.max(...since) + HAND_OVER_MS;
}

function lacksEndpoint(input: FitnessInput): boolean {
  return hasFailed(input, 'noLocalEndpoint') || hasFailed(input, 'localEndpointsGone');
}

function judge(input: FitnessInput): Judgement {
  if (hasFailed(input, 'serviceFailed')) return { level: LEVELS.serviceFailed };
  if (carriesLess(input)) return { level: LEVELS.incomplete };
  if (lacksEndpoint(input)) return { level: LEVELS.withoutEndpoint };
  if (input.draining) return { level: LEVELS.leaving };
  const withoutKubelet = hasFailed(input, 'kubeletFailed');
  if (input.cordoned) return { level: withoutKubelet ? LEVELS.cordonedWithoutKubelet : LEVELS.cordoned };
  return withoutKubelet ? { level: LEVELS.kubeletFailed } : kubeApiJudgement(input);
}

function carriesLess({ carries = 'all' }: FitnessInput): boolean {
  return carries !== 'all';
}

/** What the gate is, and when time alone opens it. */
interface GateDecision {
  readonly gate: 0 | 1;
  readonly reviewAtMs?: number;
}

/**
 * A holder whose last endpoint broke serves nobody: it leaves at once, and not by priority, which takes an election. For a moment only, so
 * that it comes back where the others are gone, too; and once, which is why what it was before counts.
 */
function handsOver(input: FitnessInput, previous: Fitness | undefined): GateDecision | undefined {
  const untilMs = handOverUntilMs(input);
  if (untilMs === undefined || input.nowMs >= untilMs) return undefined;
  return input.holder || previous?.gate === 0 ? { gate: 0, reviewAtMs: untilMs } : undefined;
}

function gateOf(bandSinceMs: number, input: FitnessInput, previous: Fitness | undefined): GateDecision {
  const { nowMs, policy, carries } = input;
  // Who receives no advertisements must not take over, also when all others are gone: it cannot know.
  if (carries === 'none') return { gate: 0 };
  const handOver = handsOver(input, previous);
  if (handOver !== undefined) return handOver;
  const serviceFailed = hasFailed(input, 'serviceFailed');
  if (!policy.lastResort.enabled) return { gate: serviceFailed || hasFailed(input, 'kubeletFailed') ? 0 : 1 };
  // Without a kubelet the service still answers: the address leaves by priority, while this node goes on serving.
  if (!serviceFailed) return { gate: 1 };
  const reopenAtMs = bandSinceMs + policy.lastResort.afterSeconds * 1000;
  return nowMs >= reopenAtMs ? { gate: 1 } : { gate: 0, reviewAtMs: reopenAtMs };
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** A failed service must not count as failed for longer than it is known to be: the last resort waits for that. */
function bandSince(band: Band, { nowMs, upSinceMs }: FitnessInput, previous: Fitness | undefined): number {
  if (previous !== undefined) return previous.band === band ? previous.bandSinceMs : nowMs;
  return isHealthy(band) ? (upSinceMs ?? nowMs) : nowMs;
}

/**
 * Whether a node serves addresses that others have as well: only one with which nothing is wrong, but that the API is out of reach, which all
 * may find at once. One that cannot serve has no share, also when there is no other: a router would send it the connections that it loses.
 * Pure.
 */
export function sharesIn({ band }: Pick<Fitness, 'band'>): boolean {
  return band < BANDS.kubeletFailed;
}

/**
 * Whether a node that was elected for addresses serves them. It does until a better one is elected, also while it drains; not when it would
 * lose connections, though no other may be there. Pure.
 */
export function servesElected({ band, reason }: Pick<Fitness, 'band' | 'reason'>): boolean {
  return !servesBadly(band) && reason !== LEVELS.withoutEndpoint.reason;
}

/**
 * Decides whether and how much this node is fit to hold the address.
 * @param input what is known now
 * @param previous the last decision; it remembers since when the band holds
 * @returns undefined while a service check has not reached its first threshold and none is known to fail, or nothing is known of the node's
 *   endpoints where that counts: there is nothing that a decision could rest on
 */
export function decideFitness(input: FitnessInput, previous: Fitness | undefined): Fitness | undefined {
  if (!isDecidable(input)) return undefined;
  const { level, reviewAtMs } = judge(input);
  const { band } = level;
  const bandSinceMs = bandSince(band, input, previous);
  const { gate, reviewAtMs: reopenAtMs } = gateOf(bandSinceMs, input, previous);
  const { nowMs, holder, rank, policy } = input;
  const { failbackDelaySeconds } = policy;
  const counting = { nowMs, count: input.endpoints, failbackDelaySeconds };
  const { several, reviewAtMs: countsAtMs } = severalEndpoints(
    previous === undefined ? undefined : previous.several === true,
    counting,
  );
  const { priority, reviewAtMs: backAtMs } = priorityOf(level, {
    ...{ nowMs, bandSinceMs, holder, rank, failbackDelaySeconds, several, yields: input.yields === true },
  });
  return {
    band,
    reason: reasonOf(level),
    failed: servesBadly(band) || hasFailed(input, 'kubeletFailed'),
    gate,
    offset: priority - BASE_PRIORITY,
    priority,
    bandSinceMs,
    ...(several ? { several } : {}),
    reviewAtMs: earliest([reviewAtMs, reopenAtMs, backAtMs, countsAtMs]),
  };
}
