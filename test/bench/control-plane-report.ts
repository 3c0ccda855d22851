import { type Conditions, onControlPlanes, repeatedSentence, writtenBy } from './conditions.ts';
import type { ChangeRun } from './control-plane-changes.ts';
import { type CostRun, LOOPS, STEADY_PER_SECOND, type WayCost } from './control-plane-cost.ts';
import type { FaultCase, FaultRun } from './control-plane-faults.ts';
import {
  COST_PROMISES,
  type ControlPlaneCases,
  type ControlPlaneChange,
  type ControlPlaneCost,
  LIMIT_MS,
  MEMORY_WATCHES,
  NEW_PER_SECOND,
  NEW_PER_SECOND_MEANWHILE,
  SEEN_MS,
  WATCHES,
} from './control-plane-suites.ts';
import { markdownTable, missedPromise, ms, verdict } from './markdown.ts';
import { statisticsOf } from './statistics.ts';

/** The runs of one case. */
interface MeasurementOf<Case, Run> {
  readonly of: Case;
  readonly runs: readonly Run[];
}

/** All that was measured of a control plane. */
export interface ControlPlaneMeasurements {
  readonly faults: readonly MeasurementOf<FaultCase, FaultRun>[];
  readonly changes: readonly MeasurementOf<ControlPlaneChange, ChangeRun>[];
  readonly costs: readonly MeasurementOf<ControlPlaneCost, CostRun>[];
}

const MEGABYTE = 1_000_000;

function medianOf(values: readonly number[]): number {
  return statisticsOf(values).medianMs;
}

/** How often a watch that was back ended once more, in words. Pure. */
function endedAgainSentence(faults: ControlPlaneMeasurements['faults']): string {
  const runs = faults.filter(({ of }) => of.way === 'this').flatMap((fault) => fault.runs);
  const again = runs.reduce((sum, { endedAgain }) => sum + endedAgain, 0);
  return `*Back*: when a watch has a server for the first time after the fault. By this way a watch that was back ended once more ${again} times in ${runs.length} runs, as when the proxy spreads connections evenly over the servers that are left.`;
}

/** A time after a fault, or that it never came. Pure. */
function after(timeMs: number): string {
  return Number.isFinite(timeMs) ? ms(timeMs) : 'not seen';
}

function faultRow({ of, runs }: ControlPlaneMeasurements['faults'][number]): string[] {
  const failed = statisticsOf(runs.map((run) => run.failed));
  const last = runs.flatMap(({ lastFailedMs }) => lastFailedMs ?? []);
  const back = statisticsOf(runs.map(({ watchesBackMs }) => watchesBackMs));
  const mine = of.way === 'this';
  const { failed: promisedFailed, watchesBackMs } = of.promised;
  return [
    of.title,
    of.way,
    String(runs.length),
    `${failed.medianMs}`,
    `${failed.worstMs}`,
    last.length === 0 ? '' : ms(medianOf(last)),
    after(back.medianMs),
    after(back.worstMs),
    mine ? `${promisedFailed ?? ''}` : '',
    mine ? String(watchesBackMs) : '',
  ];
}

function changeRow({ of, runs }: ControlPlaneMeasurements['changes'][number]): string[] {
  const failed = statisticsOf(runs.map((run) => run.failed));
  const relayed = runs.flatMap(({ relayFailed }) => relayFailed ?? []);
  const timed = statisticsOf(runs.map(({ timedMs }) => timedMs));
  return [
    of.title,
    String(runs.length),
    `${failed.medianMs}`,
    `${failed.worstMs}`,
    relayed.length === 0 ? '' : `${medianOf(relayed)}`,
    String(of.failed),
    of.timed.what,
    ms(timed.medianMs),
    ms(timed.worstMs),
    `${of.timed.promisedMs ?? ''}`,
  ];
}

/** A figure of the cost: its median by each way, and what is promised of it. */
interface CostFigure {
  readonly title: string;
  readonly digits: number;
  readonly direct: number | null;
  readonly relay: number | null;
  readonly own: number;
  /** In words; '' for nothing. */
  readonly promised: string;
  readonly missed: readonly string[];
}

function costFigures(runs: readonly CostRun[]): CostFigure[] {
  const median = (way: 'direct' | 'this' | 'relay', value: (cost: WayCost) => number | null) =>
    medianOf(runs.map((run) => value(run[way]) ?? Number.NaN));
  const all = (value: (cost: WayCost) => number | null) => ({
    direct: median('direct', value),
    relay: median('relay', value),
    own: median('this', value),
  });
  const rate = all(({ perSecond }) => perSecond);
  const p50 = all(({ p50Ms }) => p50Ms);
  const p99 = all(({ p99Ms }) => p99Ms);
  const processor = { ...all(({ processorMs }) => processorMs), direct: null };
  const resident = medianOf(runs.map(({ residentBytes }) => residentBytes / MEGABYTE));
  const image = medianOf(runs.map(({ imageBytes }) => imageBytes / MEGABYTE));
  const atLeast = (what: string, ratio: number, promised: number) =>
    ratio >= promised ? [] : [`${what}: ${ratio.toFixed(2)}, promised ${promised}`];
  const { ofDirect, ofRelay, processorMs, addedMs, p99OfDirect, residentMegabytes, imageMegabytes } = COST_PROMISES;
  return [
    {
      title: `new connections a second, ${LOOPS} clients one after the other`,
      digits: 0,
      ...rate,
      promised: `${ofDirect} of direct, ${ofRelay} of k0s's way`,
      missed: [
        ...atLeast('new connections a second, of direct', rate.own / rate.direct, ofDirect),
        ...atLeast("new connections a second, of k0s's way", rate.own / rate.relay, ofRelay),
      ],
    },
    {
      title: 'processor time of the proxy for each (ms)',
      digits: 2,
      ...processor,
      promised: String(processorMs),
      missed: missedPromise('processor time for each connection', processor.own, processorMs),
    },
    {
      title: `a request at ${STEADY_PER_SECOND} a second, median (ms)`,
      digits: 2,
      ...p50,
      promised: `direct + ${addedMs}`,
      missed: missedPromise('added to the median of a request', p50.own - p50.direct, addedMs),
    },
    {
      title: `the same, 99th percentile (ms)`,
      digits: 1,
      ...p99,
      promised: `${p99OfDirect} of direct`,
      missed: missedPromise('99th percentile of a request', p99.own, p99.direct * p99OfDirect),
    },
    {
      title: `HAProxy's worker with ${MEMORY_WATCHES} watches, resident (MB)`,
      digits: 1,
      direct: null,
      relay: null,
      own: resident,
      promised: String(residentMegabytes),
      missed: missedPromise(`resident with ${MEMORY_WATCHES} watches`, resident, residentMegabytes, 'MB'),
    },
    {
      title: "the proxy's image, besides what a node has for keepalived's (MB)",
      digits: 1,
      direct: null,
      relay: null,
      own: image,
      promised: String(imageMegabytes),
      missed: missedPromise("the proxy's image", image, imageMegabytes, 'MB'),
    },
  ];
}

function costRow({ title, digits, direct, relay, own, promised }: CostFigure): string[] {
  const text = (value: number | null) => (value === null ? '' : value.toFixed(digits));
  const ratio = (other: number | null) => (other === null ? '' : (own / other).toFixed(2));
  return [title, text(direct), text(relay), text(own), ratio(direct), ratio(relay), promised];
}

function missedByFault({ of, runs }: ControlPlaneMeasurements['faults'][number]): string[] {
  if (of.way !== 'this') return [];
  const failed = medianOf(runs.map((run) => run.failed));
  const back = medianOf(runs.map(({ watchesBackMs }) => watchesBackMs));
  return [
    ...missedPromise(`${of.title}: median of failed requests`, failed, of.promised.failed, 'requests'),
    ...missedPromise(`${of.title}: median of watches back`, back, of.promised.watchesBackMs),
  ];
}

function missedByChange({ of, runs }: ControlPlaneMeasurements['changes'][number]): string[] {
  const { worstMs: failed } = statisticsOf(runs.map((run) => run.failed));
  const timed = medianOf(runs.map(({ timedMs }) => timedMs));
  return [
    ...missedPromise(`${of.title}: most failed requests`, failed, of.failed, 'requests'),
    ...missedPromise(`${of.title}: median ${of.timed.what}`, timed, of.timed.promisedMs),
  ];
}

/** Promises that were not kept, in words. Pure. */
export function missedControlPlaneBudgets({ faults, changes, costs }: ControlPlaneMeasurements): string[] {
  return [
    ...faults.flatMap(missedByFault),
    ...changes.flatMap(missedByChange),
    ...costs.flatMap(({ runs }) => costFigures(runs).flatMap(({ missed }) => missed)),
  ];
}

/** Cases that were not measured as often as they were to be, in words. Pure. */
export function unfinishedControlPlaneCases(cases: ControlPlaneCases, measured: ControlPlaneMeasurements): string[] {
  const ways = cases.faults.flatMap((each) => each.ways.map((way) => ({ ...each, title: `${each.title}, ${way}` })));
  const faults = measured.faults.map(({ of, runs }) => [`${of.title}, ${of.way}`, runs.length] as const);
  const others = [...measured.changes, ...measured.costs].map(({ of, runs }) => [of.title, runs.length] as const);
  const done = new Map<string, number>([...faults, ...others]);
  return [...ways, ...cases.changes, ...cases.costs]
    .map(({ title, runs }) => ({ title, runs, measured: done.get(title) ?? 0 }))
    .filter(({ runs, measured: number }) => number < runs)
    .map(({ title, runs, measured: number }) => `${title}: ended after ${number} of ${runs} runs`);
}

/** The measurements as Markdown tables; what was not measured has none. Pure. */
export function controlPlaneTables({ faults, changes, costs }: ControlPlaneMeasurements): string {
  const faultHead =
    'an API server | way | runs | failed requests, median | worst | last one began after, median (ms) | its watches back after, median (ms) | worst (ms) | promised failed | promised back (ms)';
  const changeHead =
    "what is done | runs | failed requests, median | worst | by k0s's way, median | promised | timed | median (ms) | worst (ms) | promised (ms)";
  const costHead = "cost, medians | direct | k0s's way | this | of direct | of k0s's way | promised";
  return [
    ...(faults.length === 0 ? [] : [markdownTable(faultHead, faults.map(faultRow))]),
    ...(changes.length === 0 ? [] : [markdownTable(changeHead, changes.map(changeRow))]),
    ...costs.map(({ runs }) => markdownTable(costHead, costFigures(runs).map(costRow))),
  ].join('\n\n');
}

/**
 * The control plane's part of `docs/performance.md`. Pure.
 * @param missed promises that were not kept, and what was not measured, in words
 */
export function controlPlanePart(
  measurements: ControlPlaneMeasurements,
  conditions: Conditions,
  missed: readonly string[],
): string {
  return `## The control plane

${writtenBy('bench -- --control-plane', conditions.date)}. ${onControlPlanes(conditions)}
The release is installed by Helm with \`controlPlaneLoadBalancing\` and nothing else, except \`health.slowStartSeconds: 1\`, so that runs need not wait.
While an API server is struck, ${NEW_PER_SECOND} clients a second open a new TLS connection each and ask \`/version\`, and ${WATCHES} watches are open; what they see until ${SEEN_MS / 1000} s later counts.
A client that has no answer after ${LIMIT_MS / 1000} s has failed. A watch that ends is opened anew after 5 ms. The holder is cut off once it counts the watches among the clients that it tells the others of. While servers are changed, ${NEW_PER_SECOND_MEANWHILE} clients a second ask.

*k0s's way* is a program of the bench on the node that held the address first: it gives connections to the servers in turn, asks each for \`/healthz\` once a second without a time limit, tries nothing
twice, and closes no connection. *Direct* are the servers' own addresses in turn.

${controlPlaneTables(measurements)}

*Not seen*: until the end of a run at least one of the watches had no other server. *In force*: since the API said that its slice is changed; failed requests are those and the watches that ended.
${endedAgainSentence(measurements.faults)}
*Rolling restart*: SIGTERM to each API server in turn, with a shutdown delay of 5 s. Processor time is that of HAProxy's worker, or of the whole other program.
${repeatedSentence(conditions)}

${verdict(missed)}
`;
}
