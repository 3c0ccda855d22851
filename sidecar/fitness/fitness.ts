import type { CheckView } from '../checks/types.ts';

/*
 * How a node's health becomes a VRRP priority. Pure: no clock, no file, no socket.
 *
 * Each level of health has a range of priorities of its own, see LEVELS: the top of it for a holder that may keep the address, less the
 * rank, so that two holders are told apart; below it the backups, `step` apart by rank. A healthier node always wins whatever its rank,
 * because no range reaches into the next.
 *
 * Backups sit near the top because a backup's skew, (256 - priority) / 256 x advertisement interval (RFC 9568 section 6.1), is most of the
 * outage after a hand-over by priority 0. Ranks are 10 apart so that two backups do not take over at the same moment; where they are 3 apart
 * addresses move by priority while their holder still serves, and nobody waits.
 */

/** Priority of a healthy backup of rank 0, and the base priority in keepalived's configuration; the rest travels through `offset`. */
export const BASE_PRIORITY = 244;
/** By how much a holder that may keep the address is above the best backup of its level. */
const HOLDER_LIFT = 9;
/** Ranks from here on are alike: a fourth backup need not be told from a fifth. */
export const LAST_RANK = 3;
/** A returning node waits for its failback delay here: below every healthy node (214), above every node of band 1 without lift (204). */
const FAILBACK_WAIT_PRIORITY = 213;

/** The lower, the fitter; see {@link BAND_NAMES}. */
export type Band = 0 | 1 | 2 | 3 | 4 | 5;

/** What each band says of the node, in words for logs and /status. */
export const BAND_NAMES: Readonly<Record<Band, string>> = {
  0: 'healthy',
  1: 'cannot reach the Kubernetes API',
  2: 'kubelet check failed',
  3: 'draining',
  4: 'cannot carry all addresses',
  5: 'service check failed',
};

/** A level of health: the band that names it, and its range of priorities. */
interface Level {
  readonly band: Band;
  /** Priority of a holder of rank 0. */
  readonly top: number;
  /** How far backups of neighbouring ranks are apart. */
  readonly step: number;
}

/**
 * From the fittest to the least fit. A node that drains is worse than one that does not, whatever the kubelet says: it will be gone. Of
 * those that drain, a node that is only cordoned will be there in a minute and is better than one whose pod is about to go.
 */
const LEVELS = {
  healthy: { band: 0, top: 253, step: 10 },
  noKubeApi: { band: 1, top: 213, step: 10 },
  kubeletFailed: { band: 2, top: 173, step: 10 },
  cordoned: { band: 3, top: 133, step: 3 },
  cordonedWithoutKubelet: { band: 3, top: 113, step: 3 },
  leaving: { band: 3, top: 93, step: 3 },
  incomplete: { band: 4, top: 73, step: 3 },
  serviceFailed: { band: 5, top: 53, step: 10 },
} as const satisfies Record<string, Level>;

/** Everything that the decision rests on. */
export interface FitnessInput {
  readonly nowMs: number;
  /** A check that is switched off is absent. */
  readonly checks: { readonly service: CheckView; readonly kubelet?: CheckView; readonly kubeApi?: CheckView };
  /** Whether the pod is about to go, or was asked to give the address away. */
  readonly draining: boolean;
  /** Whether the Kubernetes API said, when it was last heard, that the node is cordoned. */
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
  /**
   * Since when the node counts as up, in milliseconds: what the first decision finds is taken to have been so since then. Absent: since
   * that decision.
   */
  readonly upSinceMs?: number;
  readonly policy: FitnessPolicy;
}

/** The user's wishes. Durations in seconds. */
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
  /** The next moment at which time alone changes the decision, in milliseconds. */
  readonly reviewAtMs: number | undefined;
}

interface Judgement {
  readonly level: Level;
  readonly reviewAtMs?: number;
}

/** The time from which a change of the API check counts; undefined when there was none. */
function kubeApiSettledAt({ checks: { kubeApi }, policy }: FitnessInput): number | undefined {
  if (kubeApi?.sinceMs === undefined) return undefined;
  // A first success is no recovery.
  if (kubeApi.healthy && !kubeApi.everFailed) return undefined;
  return kubeApi.sinceMs + policy.kubeApiSettleSeconds * 1000;
}

function kubeApiJudgement(input: FitnessInput): Judgement {
  const settledAtMs = kubeApiSettledAt(input);
  if (settledAtMs === undefined || (input.holder && input.policy.noPreempt)) return { level: LEVELS.healthy };
  const regained = input.checks.kubeApi?.healthy === true;
  if (input.nowMs >= settledAtMs) return { level: regained ? LEVELS.healthy : LEVELS.noKubeApi };
  // Until all have noticed, the doubt is in favour of the holder.
  return { level: input.holder ? LEVELS.healthy : LEVELS.noKubeApi, reviewAtMs: settledAtMs };
}

function judge(input: FitnessInput): Judgement {
  const { service, kubelet } = input.checks;
  if (service.healthy === false) return { level: LEVELS.serviceFailed };
  if (carriesLess(input)) return { level: LEVELS.incomplete };
  if (input.draining) return { level: LEVELS.leaving };
  const withoutKubelet = kubelet?.healthy === false;
  if (input.cordoned) return { level: withoutKubelet ? LEVELS.cordonedWithoutKubelet : LEVELS.cordoned };
  return withoutKubelet ? { level: LEVELS.kubeletFailed } : kubeApiJudgement(input);
}

function carriesLess({ carries = 'all' }: FitnessInput): boolean {
  return carries !== 'all';
}

function gateOf(
  sinceMs: number,
  { nowMs, policy, checks, carries }: FitnessInput,
): { gate: 0 | 1; reviewAtMs?: number } {
  // Whoever hears nobody must not take over, also when all others are gone: it cannot know.
  if (carries === 'none') return { gate: 0 };
  const serviceFailed = checks.service.healthy === false;
  if (!policy.lastResort.enabled) return { gate: serviceFailed || checks.kubelet?.healthy === false ? 0 : 1 };
  // Without a kubelet the service still answers: the address leaves by priority, while this node goes on serving.
  if (!serviceFailed) return { gate: 1 };
  const reopenAtMs = sinceMs + policy.lastResort.afterSeconds * 1000;
  return nowMs >= reopenAtMs ? { gate: 1 } : { gate: 0, reviewAtMs: reopenAtMs };
}

function priorityOf(level: Level, sinceMs: number, input: FitnessInput): { priority: number; reviewAtMs?: number } {
  const { failbackDelaySeconds } = input.policy;
  const rank = Math.min(input.rank, LAST_RANK);
  const ranked = level.top - HOLDER_LIFT - level.step * rank;
  // Failback is for nodes that are well: among nodes that drain or are sick, the address stays. A lift in band 1 would reach the waiting.
  if (failbackDelaySeconds === null || level.band >= LEVELS.kubeletFailed.band) {
    return { priority: input.holder ? level.top - rank : ranked };
  }
  const backAtMs = sinceMs + failbackDelaySeconds * 1000;
  if (level.band > 0 || input.holder || input.nowMs >= backAtMs) return { priority: ranked };
  return { priority: FAILBACK_WAIT_PRIORITY - rank, reviewAtMs: backAtMs };
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** A failed service must not count as failed for longer than it is known to be: the last resort waits for that. */
function bandSince(band: Band, { nowMs, upSinceMs }: FitnessInput, previous: Fitness | undefined): number {
  if (previous !== undefined) return previous.band === band ? previous.bandSinceMs : nowMs;
  return band === 0 ? (upSinceMs ?? nowMs) : nowMs;
}

/**
 * Decides whether and how much this node is fit to hold the address.
 * @param input what is known now
 * @param previous the last decision; it remembers since when the band holds
 * @returns undefined while the service check has not reached its first threshold: nothing is known that a decision could rest on
 */
export function decideFitness(input: FitnessInput, previous: Fitness | undefined): Fitness | undefined {
  if (input.checks.service.healthy === undefined) return undefined;
  const { level, reviewAtMs } = judge(input);
  const { band } = level;
  const bandSinceMs = bandSince(band, input, previous);
  const gate = gateOf(bandSinceMs, input);
  const { priority, reviewAtMs: failbackAtMs } = priorityOf(level, bandSinceMs, input);
  return {
    band,
    reason: BAND_NAMES[band],
    failed: band >= LEVELS.incomplete.band || input.checks.kubelet?.healthy === false,
    gate: gate.gate,
    offset: priority - BASE_PRIORITY,
    priority,
    bandSinceMs,
    reviewAtMs: earliest([reviewAtMs, gate.reviewAtMs, failbackAtMs]),
  };
}
