import { PROBE_INTERVAL_MS } from '../environment/site.ts';
import { type Conditions, onCluster, repeatedSentence, SHARED_PROCESSORS, writtenBy } from './conditions.ts';
import { markdownTable, missedPromise, ms, verdict } from './markdown.ts';
import { CLOSE_INTERVAL_MS, type PoolCases, type PoolFaultCase, type PoolTimingCase, SHARES } from './pools-suites.ts';
import { statisticsOf } from './statistics.ts';

/** A fault on one node, and its repair, as clients of six addresses saw it. Times in milliseconds. */
export interface PoolFaultRun {
  readonly node: string;
  /** Longest time that any of the addresses was without service until the repair. */
  readonly outageMs: number;
  /** How many of the addresses each of the other nodes held afterwards, largest first. */
  readonly shares: readonly number[];
  /** Longest time without service from the repair on. */
  readonly healOutageMs: number;
  /** How many of the addresses each node held after the repair. */
  readonly healedShares: readonly number[];
}

/** The runs of one fault. */
export interface PoolFaultMeasurement {
  readonly of: PoolFaultCase;
  readonly runs: readonly PoolFaultRun[];
}

/** The runs of something else; each run has one value, in milliseconds, for each figure. */
export interface PoolTimingMeasurement {
  readonly of: PoolTimingCase;
  readonly runs: readonly (readonly number[])[];
}

/** All that was measured of pools. */
export interface PoolMeasurements {
  readonly faults: readonly PoolFaultMeasurement[];
  readonly timings: readonly PoolTimingMeasurement[];
}

interface FigureRow {
  readonly title: string;
  readonly budgetMs: number;
  readonly valuesMs: readonly number[];
}

/** Shares for people, largest first: `3 + 3`. Pure. */
export function formatShares(shares: readonly number[]): string {
  return shares.length === 0 ? 'none' : shares.join(' + ');
}

function sharesSeen(all: readonly (readonly number[])[]): string {
  return [...new Set(all.map(formatShares))].join(', ');
}

function rowsOf({ of, runs }: PoolTimingMeasurement): FigureRow[] {
  return of.figures.map((figure, index) => ({ ...figure, valuesMs: runs.flatMap((run) => run[index] ?? []) }));
}

function tooLong(title: string, valuesMs: readonly number[], budgetMs: number | undefined): string[] {
  return missedPromise(`${title}: worst`, statisticsOf(valuesMs).worstMs, budgetMs);
}

function otherShares(what: string, all: readonly (readonly number[])[], promised: readonly number[]): string[] {
  const others = all.map(formatShares).filter((shares) => shares !== formatShares(promised));
  if (others.length === 0) return [];
  const seen = [...new Set(others)].join(', ');
  return [`${what}: shares ${seen} in ${others.length} of ${all.length} runs, promised ${formatShares(promised)}`];
}

function missedByFault({ of, runs }: PoolFaultMeasurement): string[] {
  const all = {
    without: runs.map(({ shares }) => shares),
    whole: runs.map(({ healedShares }) => healedShares),
  };
  return [
    ...tooLong(
      of.title,
      runs.map(({ outageMs }) => outageMs),
      of.budgetMs,
    ),
    ...otherShares(of.title, all.without, SHARES.without),
    ...otherShares(`${of.title}, healed`, all.whole, SHARES.whole),
  ];
}

/** Promises that were not kept, in words. */
export function missedPoolBudgets({ faults, timings }: PoolMeasurements): string[] {
  const figures = timings.flatMap(rowsOf);
  return [
    ...faults.flatMap(missedByFault),
    ...figures.flatMap(({ title, valuesMs, budgetMs }) => tooLong(title, valuesMs, budgetMs)),
  ];
}

/** Cases that were not measured as often as they were to be, because something failed; in words. */
export function unfinishedCases(cases: PoolCases, { faults, timings }: PoolMeasurements): string[] {
  const done = new Map([...faults, ...timings].map(({ of, runs }) => [of.title, runs.length]));
  return [...cases.faults, ...cases.timings]
    .map(({ title, runs }) => ({ title, runs, measured: done.get(title) ?? 0 }))
    .filter(({ runs, measured }) => measured < runs)
    .map(({ title, runs, measured }) => `${title}: ended after ${measured} of ${runs} runs`);
}

function faultRow({ of, runs }: PoolFaultMeasurement): string[] {
  const outage = statisticsOf(runs.map(({ outageMs }) => outageMs));
  const heal = statisticsOf(runs.map(({ healOutageMs }) => healOutageMs));
  return [
    of.title,
    String(runs.length),
    ms(outage.medianMs),
    ms(outage.worstMs),
    sharesSeen(runs.map(({ shares }) => shares)),
    ms(heal.worstMs),
    sharesSeen(runs.map(({ healedShares }) => healedShares)),
    of.budgetMs === undefined ? '' : String(of.budgetMs),
  ];
}

function figureRow({ title, valuesMs, budgetMs }: FigureRow): string[] {
  const { runs, medianMs, worstMs } = statisticsOf(valuesMs);
  return [title, String(runs), ms(medianMs), ms(worstMs), String(budgetMs)];
}

/** The measurements as Markdown tables; what was not measured has none. */
export function poolTables({ faults, timings }: PoolMeasurements): string {
  const faultHead =
    'what happens to one node | runs | longest outage of six addresses, median (ms) | worst (ms) | shares afterwards | outage while healing, worst (ms) | shares after healing | promised (ms)';
  const figureHead = 'what | runs | median (ms) | worst (ms) | promised (ms)';
  return [
    ...(faults.length === 0 ? [] : [markdownTable(faultHead, faults.map(faultRow))]),
    ...(timings.length === 0 ? [] : [markdownTable(figureHead, timings.flatMap(rowsOf).map(figureRow))]),
  ].join('\n\n');
}

/**
 * The pools' part of `docs/performance.md`.
 * @param missed promises that were not kept, and what was not measured, in words
 */
export function poolPart(measurements: PoolMeasurements, conditions: Conditions, missed: readonly string[]): string {
  return `## Pools

${writtenBy('bench -- --pools', conditions.date)}. ${onCluster(conditions)}
The chart installed by Helm, with the controller and (but for the upgrade) without a single address; pools by kubectl, with
\`failback: {delaySeconds: 2}\`. The client opens a connection to every address every ${PROBE_INTERVAL_MS} ms, and to those of the node that a fault strikes every ${CLOSE_INTERVAL_MS} ms. One failed attempt
counts as an outage of about twice that. No client asks the 200 addresses: what counts is which nodes' kernels have them. ${SHARED_PROCESSORS}
Each fault strikes one of three nodes with two of six addresses.

${poolTables(measurements)}

*Shares*: how many of the six addresses each node holds; afterwards without the node that the fault struck.
${repeatedSentence(conditions)}

${verdict(missed)}
`;
}
