/*
 * How a node's health becomes a VRRP priority. Pure: no clock, no file, no socket.
 *
 *   priority = (holds the address and may keep it ? 253 - min(rank, 3) : 244 - 10 x min(rank, 3)) - 40 x band
 *
 * In band 2 ranks are 3 apart, and a node whose pod is about to go is 20 below one that is only cordoned: a node that will be there in a
 * minute is the better holder, also where every node is cordoned.
 *
 * A healthier node always wins whatever its rank, because a band is wider than all ranks and the holder's lift together. Backups sit near
 * 254 because a backup's skew, (256 - priority) / 256 x advertisement interval (RFC 9568 section 6.1), is most of the outage after a
 * hand-over by priority 0. Ranks are 10 apart so that two backups do not take over at the same moment.
 */

/** Priority of a healthy backup of rank 0, and the base priority in keepalived's configuration; the rest travels through `offset`. */
export const BASE_PRIORITY = 244;
const HOLDER_PRIORITY = 253;
const RANK_STEP = 10;
const BAND_STEP = 40;
const DRAINING: Band = 2;
const KUBELET_FAILED: Band = 3;
const SERVICE_FAILED: Band = 4;
/** Between ranks in the draining band, so that its two halves fit between the neighbouring bands. */
const DRAINING_RANK_STEP = 3;
/** By how much a node that is about to go is below one that is only cordoned: more than the holder's lift and all ranks there. */
const LEAVING_STEP = 20;
/** Ranks from here on are alike: a fourth backup need not be told from a fifth. */
export const LAST_RANK = 3;
/** A returning node waits for its failback delay here: below every healthy node (214), above every node of band 1 without lift (204). */
const FAILBACK_WAIT_PRIORITY = 213;

/** The lower, the fitter; see {@link BAND_NAMES}. */
export type Band = 0 | 1 | 2 | 3 | 4;

/** What each band says of the node, in words for logs and /status. */
export const BAND_NAMES: Readonly<Record<Band, string>> = {
  0: 'healthy',
  1: 'cannot reach the Kubernetes API',
  2: 'draining',
  3: 'kubelet check failed',
  4: 'service check failed',
};

/** What a check has to say; `healthy` is undefined until its first threshold was reached. */
interface CheckView {
  readonly healthy: boolean | undefined;
  /** When `healthy` took its value, in milliseconds. */
  readonly sinceMs: number | undefined;
  /** Whether it ever counted as failed; a first success is no recovery. */
  readonly everFailed: boolean;
}

/** Everything that the decision rests on. */
export interface FitnessInput {
  readonly nowMs: number;
  /** A check that is switched off is absent. */
  readonly checks: { readonly service: CheckView; readonly kubelet?: CheckView; readonly kubeApi?: CheckView };
  /** Whether the pod is about to go, or was asked to give the address away. */
  readonly draining: boolean;
  /** Whether the Kubernetes API said, when it was last heard, that the node is cordoned. */
  readonly cordoned: boolean;
  /** Whether this node holds the virtual address now. */
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
  readonly band: Band;
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
  if (settledAtMs === undefined || (input.holder && input.policy.noPreempt)) return { band: 0 };
  const regained = input.checks.kubeApi?.healthy === true;
  if (input.nowMs >= settledAtMs) return { band: regained ? 0 : 1 };
  // Until all have noticed, the doubt is in favour of the holder.
  return { band: input.holder ? 0 : 1, reviewAtMs: settledAtMs };
}

function judge(input: FitnessInput): Judgement {
  if (input.checks.service.healthy === false) return { band: SERVICE_FAILED };
  if (input.checks.kubelet?.healthy === false) return { band: KUBELET_FAILED };
  if (input.draining || input.cordoned) return { band: DRAINING };
  return kubeApiJudgement(input);
}

function gateOf(band: Band, sinceMs: number, { nowMs, policy }: FitnessInput): { gate: 0 | 1; reviewAtMs?: number } {
  if (band < KUBELET_FAILED) return { gate: 1 };
  if (!policy.lastResort.enabled) return { gate: 0 };
  // Without a kubelet the service still answers: the address leaves by priority, while this node goes on serving.
  if (band === KUBELET_FAILED) return { gate: 1 };
  const reopenAtMs = sinceMs + policy.lastResort.afterSeconds * 1000;
  return nowMs >= reopenAtMs ? { gate: 1 } : { gate: 0, reviewAtMs: reopenAtMs };
}

function priorityOf(band: Band, sinceMs: number, input: FitnessInput): { priority: number; reviewAtMs?: number } {
  const { failbackDelaySeconds } = input.policy;
  const rank = Math.min(input.rank, LAST_RANK);
  const lowered = BAND_STEP * band + (band === DRAINING && input.draining ? LEAVING_STEP : 0);
  const ranked = BASE_PRIORITY - (band === DRAINING ? DRAINING_RANK_STEP : RANK_STEP) * rank - lowered;
  // Failback is for nodes that are well: among nodes that drain or are sick, the address stays. A lift in band 1 would reach the waiting.
  if (failbackDelaySeconds === null || band >= DRAINING) {
    return { priority: input.holder ? HOLDER_PRIORITY - rank - lowered : ranked };
  }
  const backAtMs = sinceMs + failbackDelaySeconds * 1000;
  if (band > 0 || input.holder || input.nowMs >= backAtMs) return { priority: ranked };
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
  const { band, reviewAtMs } = judge(input);
  const bandSinceMs = bandSince(band, input, previous);
  const gate = gateOf(band, bandSinceMs, input);
  const { priority, reviewAtMs: failbackAtMs } = priorityOf(band, bandSinceMs, input);
  return {
    band,
    reason: BAND_NAMES[band],
    gate: gate.gate,
    offset: priority - BASE_PRIORITY,
    priority,
    bandSinceMs,
    reviewAtMs: earliest([reviewAtMs, gate.reviewAtMs, failbackAtMs]),
  };
}
