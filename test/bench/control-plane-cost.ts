import { setTimeout as delay } from 'node:timers/promises';
import { ownBytes, readArchive } from '../../scripts/images/archive.ts';
import type { ApiLoadReport } from '../clients/api-load.ts';
import { imageArchives } from '../cluster/images.ts';
import { say } from '../support/print.ts';
import type { ControlPlaneSite } from './control-plane-site.ts';
import { MEMORY_WATCHES, type Way } from './control-plane-suites.ts';

/** What one way costs in one round. */
export interface WayCost {
  /** New connections in a second, of clients that connect one after the other. */
  readonly perSecond: number;
  /** Processor time of the proxy for each, in ms; null where there is none. */
  readonly processorMs: number | null;
  /** How long requests take at a steady rate, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The ways of a round, one after the other. */
export interface CostRun {
  readonly direct: WayCost;
  readonly this: WayCost;
  readonly relay: WayCost;
  /** Of HAProxy's worker while many watches are open, in bytes. */
  readonly residentBytes: number;
  /** Of the proxy's image, what a node has not for keepalived's. */
  readonly imageBytes: number;
}

/** Clients that connect one after the other. */
export const LOOPS = 8;
/** Connections in a second at which the time that they take is compared. */
export const STEADY_PER_SECOND = 100;
const MEASURED_MS = 3000;

/** Lets clients run for the measured time, which is what is measured; gives what they saw. @throws Error when a request failed */
async function seenBy(
  plane: ControlPlaneSite,
  way: Way | 'direct',
  load: { readonly loops: number } | { readonly perSecond: number },
): Promise<ApiLoadReport> {
  const clients = await plane.clients(way, load);
  try {
    await delay(MEASURED_MS);
    const report = await clients.report();
    const [failure] = report.failures;
    if (failure !== undefined) throw new Error(`a request failed where nothing was struck: ${failure.why}`);
    return report;
  } finally {
    await clients.stop();
  }
}

async function costOf(plane: ControlPlaneSite, way: Way | 'direct'): Promise<WayCost> {
  const use = async () => (way === 'direct' ? null : (await plane.use(way)).processorMs);
  const before = await use();
  const { requests, beganMs, endedMs } = await seenBy(plane, way, { loops: LOOPS });
  const after = await use();
  const { tookMs } = await seenBy(plane, way, { perSecond: STEADY_PER_SECOND });
  return {
    perSecond: (requests * 1000) / (endedMs - beganMs),
    processorMs: before === null || after === null ? null : (after - before) / requests,
    p50Ms: tookMs.p50,
    p99Ms: tookMs.p99,
  };
}

async function residentWithWatches(plane: ControlPlaneSite): Promise<number> {
  const clients = await plane.clients('this', { watches: MEMORY_WATCHES });
  try {
    return (await plane.use('this')).residentBytes;
  } finally {
    await clients.stop();
  }
}

/** What a node needs for the proxy's image besides what it has for keepalived's, in bytes. */
export async function proxyImageBytes(): Promise<number> {
  const archives = await imageArchives(say);
  const layersOf = async (name: string) => {
    const found = archives.find(({ ref }) => ref.includes(`/${name}:`));
    if (found === undefined) throw new Error(`there is no image ${name}`);
    return (await readArchive(found.archive)).layers;
  };
  return ownBytes(await layersOf('proxy'), await layersOf('keepalived'));
}

/**
 * One round: every way, one after the other.
 * @param imageBytes what {@link proxyImageBytes} gave: it builds what has changed, which no round should
 */
export async function measureCost(plane: ControlPlaneSite, imageBytes: number): Promise<CostRun> {
  await plane.calm();
  const direct = await costOf(plane, 'direct');
  const own = await costOf(plane, 'this');
  const relay = await costOf(plane, "k0s's way");
  const residentBytes = await residentWithWatches(plane);
  return { direct, this: own, relay, residentBytes, imageBytes };
}
