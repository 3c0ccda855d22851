import { setTimeout as delay } from 'node:timers/promises';
import type { ApiLoad, ApiLoadReport, Gap } from '../clients/api-load.ts';
import type { MachinePlan } from '../cluster/plan.ts';
import { monotonicMs } from '../support/clock.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import type { ControlPlaneSite } from './control-plane-site.ts';
import { type ControlPlaneFault, NEW_PER_SECOND, SEEN_MS, WATCHES, type Way } from './control-plane-suites.ts';

/** A fault that is measured by one way. */
export interface FaultCase extends ControlPlaneFault {
  readonly way: Way;
}

/** A fault as clients saw it. Times in ms from the fault. */
export interface FaultRun {
  readonly node: string;
  /** Requests without a good answer. */
  readonly failed: number;
  /** Those of them that had none at all until the client's limit. */
  readonly unanswered: number;
  /** When the last of them began; null when none failed. */
  readonly lastFailedMs: number | null;
  /** Watches that the fault struck. */
  readonly watches: number;
  /** When the last of these had a server again; Infinity when one had none until the end. */
  readonly watchesBackMs: number;
  /** How often these ended once more later, as when the proxy spreads connections evenly over the servers that are left. */
  readonly endedAgain: number;
}

/** Watches that a fault strikes: their number, and of which server they are where that is known. */
interface Struck {
  readonly server: string | undefined;
  readonly watches: number;
}

/** The first time that each watch was without a server: that is what the fault did. What ends it later is no loss of the server that it had then. */
function firstGaps(gaps: readonly Gap[]): ReadonlyMap<number, Gap> {
  const latestFirst = gaps.toSorted((a, b) => b.closedAtMs - a.closedAtMs);
  return new Map(latestFirst.map((gap) => [gap.watch, gap]));
}

/**
 * What a report says of a fault. Pure.
 * @param atMs when it struck, of CLOCK_MONOTONIC
 */
export function faultRunOf(
  report: Pick<ApiLoadReport, 'failures' | 'gaps'>,
  { node, atMs, struck }: { readonly node: string; readonly atMs: number; readonly struck: Struck },
): FaultRun {
  const failures = report.failures.filter((failure) => failure.atMs + failure.tookMs >= atMs);
  const gaps = report.gaps.filter(({ closedAtMs }) => closedAtMs >= atMs);
  const first = firstGaps(gaps.filter(({ from }) => struck.server === undefined || from === struck.server));
  const back = first.size >= struck.watches;
  const latest = (times: readonly number[]) => Math.max(0, ...times.map((timeMs) => timeMs - atMs));
  return {
    node,
    failed: failures.length,
    unanswered: failures.filter(({ why }) => why === 'none').length,
    lastFailedMs: failures.length === 0 ? null : latest(failures.map((failure) => failure.atMs)),
    watches: struck.watches,
    watchesBackMs: back ? latest([...first.values()].map(({ backAtMs }) => backAtMs)) : Number.POSITIVE_INFINITY,
    endedAgain: gaps.filter((gap) => gap.closedAtMs > (first.get(gap.watch)?.closedAtMs ?? gap.closedAtMs)).length,
  };
}

/** The time in which what was promised did not come about; [] when it did, or nobody promised it. Pure. */
function failingsOf(
  run: FaultRun,
  { way, promised }: FaultCase,
  atMs: number,
): { readonly fromMs: number; readonly toMs: number }[] {
  if (way !== 'this') return [];
  const late = run.watchesBackMs > promised.watchesBackMs ? [Math.min(run.watchesBackMs, SEEN_MS)] : [];
  const failed = promised.failed !== undefined && run.failed > promised.failed ? [run.lastFailedMs ?? 0] : [];
  return [...late, ...failed].map((ms) => ({ fromMs: atMs, toMs: atMs + ms }));
}

/** Watches come to servers by chance: a fault that strikes only a few of them says little. */
const FEWEST_WATCHES = WATCHES / 6;
const MOST_STARTS = 20;
/** So many requests before the fault. */
const REQUESTS_BEFORE = NEW_PER_SECOND;

/** Watches by a way, with some at the server that is to be struck. */
async function watchesWith(plane: ControlPlaneSite, way: Way, server: string | undefined): Promise<ApiLoad> {
  for (let starts = 0; starts < MOST_STARTS; starts += 1) {
    const load = await plane.clients(way, { watches: WATCHES });
    if (server === undefined || (load.watching[server] ?? 0) >= FEWEST_WATCHES) return load;
    await load.stop();
  }
  throw new Error(`${server} gets none of the watches that come ${way === 'this' ? 'to the address' : 'by the relay'}`);
}

async function nodeOf(plane: ControlPlaneSite, { node, way }: FaultCase, run: number): Promise<MachinePlan> {
  if (node === 'another') return plane.other(way, run);
  return plane.site.cluster.host(await plane.entry(way));
}

/**
 * Strikes a node while clients connect and watch by a way, and repairs it.
 * @param run its number from 0: nodes take turns
 */
export async function measureFault(plane: ControlPlaneSite, of: FaultCase, run: number): Promise<WatchedRun<FaultRun>> {
  await plane.calm();
  const { name } = await nodeOf(plane, of, run);
  const server = of.node === 'another' ? name : undefined;
  const watches = await watchesWith(plane, of.way, server);
  let requests: ApiLoad | undefined;
  try {
    // Before there are short connections, which are told of as well: those that are known are the watches.
    if (of.node === 'the holder') await plane.waitForTold(name, WATCHES);
    const load = await plane.clients(of.way, { perSecond: NEW_PER_SECOND });
    requests = load;
    await load.until('requests before', () => load.requests >= REQUESTS_BEFORE);
    const struck = { server, watches: server === undefined ? WATCHES : (watches.watching[server] ?? 0) };
    const { injectedAt } = await plane.site.cluster.inject(of.fault, name);
    const atMs = injectedAt.monotonicMs;
    // What is seen in this time is measured, by every way alike: there is nothing to wait for.
    await delay(Math.max(0, atMs + SEEN_MS - monotonicMs()));
    const [{ failures }, { gaps }] = await Promise.all([load.report(), watches.report()]);
    const seen = faultRunOf({ failures, gaps }, { node: name, atMs, struck });
    return { run: seen, failings: failingsOf(seen, of, atMs) };
  } finally {
    await Promise.all([watches.stop(), requests?.stop()]);
    await plane.site.cluster.heal();
  }
}
