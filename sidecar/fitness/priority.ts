import { BAND_NAMES, BANDS, type Band, isHealthy, takesFailback } from '../../api/bands.ts';

/*
 * The VRRP priority of a node that is as fit as it is. Pure.
 *
 * Each level of health has a range of priorities of its own, see LEVELS: the top of it for a holder that may keep the address, less the
 * rank, so that two holders differ; below it the backups, `step` apart by rank. A healthier node always wins whatever its rank,
 * because no range reaches into the next. Two levels share one: a node without an endpoint, and one that cannot carry every address. Both
 * serve badly, so that of them the holder keeps the address, which harms nobody; there is no room for a range more.
 *
 * Backups sit near the top because a backup's skew, (256 - priority) / 256 x advertisement interval (RFC 9568 section 6.1), is most of the
 * outage after a hand-over by priority 0. Ranks are 10 apart so that two backups do not take over at the same moment; where they are 3 apart
 * addresses move by priority while their holder still serves, and nobody waits.
 */

/** Priority of a healthy backup of rank 0, and the base priority in keepalived's configuration; the rest travels through `offset`. */
export const BASE_PRIORITY = 244;
/** By how much a holder that may keep the address is above the best backup of its level. */
const HOLDER_LIFT = 9;
/** Ranks from here on are alike: a fourth and a fifth backup may have the same priority. */
export const LAST_RANK = 3;
/**
 * Of healthy nodes those with several endpoints of a Service come first, in the room that a holder's lift has where failback takes its
 * place: best of them, and how far ranks are apart.
 */
const SEVERAL_ENDPOINTS = { best: 253, step: 3, least: BASE_PRIORITY + 1 };
/** A returning node waits for its failback delay here: below every healthy node (214), above every node of band 1 without lift (204). */
const FAILBACK_WAIT_PRIORITY = 213;
/** Who leaves the instance to others: below every node that is well, also one that waits (210), above every sick one (173). */
const YIELDING_PRIORITY = 209;

/** A level of health: the band that names it, and its range of priorities. */
export interface Level {
  readonly band: Band;
  /** Priority of a holder of rank 0. */
  readonly top: number;
  /** How far backups of neighbouring ranks are apart. */
  readonly step: number;
  /** In words, where those of the band say too little. */
  readonly reason?: string;
}

/**
 * From the fittest to the least fit. A node that drains is worse than one that does not, whatever the kubelet says: it will be gone. Of
 * those that drain, a node that is only cordoned will be there in a minute and is better than one whose pod is about to go. A node without a
 * ready endpoint of a Service that asks for local ones is worse than one that drains with one: its kube-proxy forwards to endpoints that
 * are about to go, or to nobody.
 */
export const LEVELS = {
  healthy: { band: BANDS.healthy, top: 253, step: 10 },
  noKubeApi: { band: BANDS.noKubeApi, top: 213, step: 10 },
  kubeletFailed: { band: BANDS.kubeletFailed, top: 173, step: 10 },
  cordoned: { band: BANDS.draining, top: 133, step: 3 },
  cordonedWithoutKubelet: { band: BANDS.draining, top: 113, step: 3 },
  leaving: { band: BANDS.draining, top: 93, step: 3 },
  withoutEndpoint: {
    ...{ band: BANDS.draining, top: 73, step: 3 },
    reason: 'no ready endpoint of the Service on this node',
  },
  incomplete: { band: BANDS.incomplete, top: 73, step: 3 },
  serviceFailed: { band: BANDS.serviceFailed, top: 53, step: 10 },
} as const satisfies Record<string, Level>;

/** Why a node is of a level, in words. */
export function reasonOf({ band, reason }: Level): string {
  return reason ?? BAND_NAMES[band];
}

/** What the priority depends on besides the level. */
interface Standing {
  readonly nowMs: number;
  /** Since when the node is of the level's band, in milliseconds. */
  readonly bandSinceMs: number;
  readonly holder: boolean;
  /** Place in the order of preference, 0 is first. */
  readonly rank: number;
  /** Null: the address stays where it is. */
  readonly failbackDelaySeconds: number | null;
  /** Whether the node has several endpoints, where endpoints count. */
  readonly several: boolean;
  /** Whether it leaves the instance to any other node that is well and does not. */
  readonly yields: boolean;
}

/** A priority, and when time alone changes it, in milliseconds. */
interface Priority {
  readonly priority: number;
  readonly reviewAtMs?: number;
}

/**
 * The priority of a node, and when time alone changes it, in milliseconds. Why failback is so:
 * docs/adr/0002-failback-waits-on-the-returning-node.md.
 */
export function priorityOf(level: Level, standing: Standing): Priority {
  const yields = standing.yields && isHealthy(level.band);
  return yields ? { priority: YIELDING_PRIORITY - placeOf(standing) } : ownPriority(level, standing);
}

function placeOf({ rank }: Standing): number {
  return Math.min(rank, LAST_RANK);
}

function ownPriority(level: Level, standing: Standing): Priority {
  const { nowMs, bandSinceMs, holder, failbackDelaySeconds, several } = standing;
  const place = placeOf(standing);
  const ranked = level.top - HOLDER_LIFT - level.step * place;
  // Failback is for nodes that are well: among nodes that drain or are sick, the address stays. A lift in band 1 would reach the waiting.
  if (failbackDelaySeconds === null || !takesFailback(level.band)) {
    return { priority: holder ? level.top - place : ranked };
  }
  const backAtMs = bandSinceMs + failbackDelaySeconds * 1000;
  if (!isHealthy(level.band)) return { priority: ranked };
  if (holder || nowMs >= backAtMs) return { priority: several ? preferred(place) : ranked };
  return { priority: FAILBACK_WAIT_PRIORITY - place, reviewAtMs: backAtMs };
}

function preferred(place: number): number {
  const { best, step, least } = SEVERAL_ENDPOINTS;
  return Math.max(least, best - step * place);
}
