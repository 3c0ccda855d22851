import { type Conditions, repeatedSentence, writtenBy } from './conditions.ts';
import { markdownTable, missedPromise, ms, verdict } from './markdown.ts';
import { type Statistics, statisticsOf } from './statistics.ts';
import type { Suite } from './suites.ts';

/** One fault, injected on the holder and healed, as a client saw it. */
export interface Run {
  /** Longest time without service from the fault to the healing. */
  readonly outageMs: number;
  /** Longest time without service from the healing on. */
  readonly healOutageMs: number;
  /** From the beginning of the healing to exactly one holder on the nodes' interfaces. */
  readonly oneHolderMs: number;
  readonly from: string;
  readonly to: string;
  /** Attempts that the machine was too busy to make: with many of them a figure says little. */
  readonly missedSlots: number;
}

/** A fault that is measured in a suite. */
export type LabCase = Suite['faults'][number] & { readonly suite: Suite; readonly title: string };

/** The runs of one fault in one suite. */
export interface Measurement {
  readonly of: LabCase;
  readonly runs: readonly Run[];
}

/** A promise that was not kept, in words. */
export function missedBudgets({ of, runs }: Measurement): string[] {
  const outage = outageOf(runs);
  const heal = statisticsOf(runs.map(({ healOutageMs }) => healOutageMs));
  return [
    ...missedPromise(`${of.title}: median`, outage.medianMs, of.budget?.medianMs),
    ...missedPromise(`${of.title}: worst`, outage.worstMs, of.budget?.worstMs),
    ...missedPromise(`${of.title}: worst while healing`, heal.worstMs, of.budget?.healWorstMs),
  ];
}

function outageOf(runs: readonly Run[]): Statistics {
  return statisticsOf(runs.map(({ outageMs }) => outageMs));
}

function ratio(mine: Statistics, reference: Measurement | undefined): string {
  if (reference === undefined) return '';
  const theirs = outageOf(reference.runs);
  return mine.medianMs < 1 ? 'no outage' : `${(theirs.medianMs / mine.medianMs).toFixed(0)} x`;
}

function row({ of, runs }: Measurement, reference: Measurement | undefined): string[] {
  const outage = outageOf(runs);
  const heal = statisticsOf(runs.map(({ healOutageMs }) => healOutageMs));
  const one = statisticsOf(runs.map(({ oneHolderMs }) => oneHolderMs));
  return [
    `\`${of.fault}\``,
    of.suite.title,
    String(outage.runs),
    ms(outage.medianMs),
    ms(outage.worstMs),
    ms(heal.worstMs),
    ms(one.worstMs),
    ratio(outage, reference),
  ];
}

/** The measurements as one Markdown table, with ratios to the reference measured in the same session. */
export function tableOf(measurements: readonly Measurement[]): string {
  const head =
    'fault on the holder | settings | runs | outage, median (ms) | outage, worst (ms) | outage while healing, worst (ms) | one holder after healing, worst (ms) | reference / this, medians';
  const rows = measurements.map((measurement) => {
    const { fault, suite } = measurement.of;
    const isReference = ({ of }: Measurement) => of.suite.name === 'reference' && of.fault === fault;
    const reference = suite.name === 'reference' ? undefined : measurements.find(isReference);
    return row(measurement, reference);
  });
  return markdownTable(head, rows);
}

/** The lab's part of `docs/performance.md`. */
export function labPart(
  measurements: readonly Measurement[],
  { date, repeatedRuns }: Pick<Conditions, 'date' | 'repeatedRuns'>,
): string {
  const missed = measurements.flatMap(missedBudgets);
  return `## In the lab

${writtenBy('bench --', date)}, Node ${process.version}. Three nodes, real keepalived, nginx and VRRP, as
network namespaces on one bridge, all on this one machine, so nodes and clients share its cores. A client opens a new connection every 5 ms. An outage begins when the
last success before the first failed attempt was complete, and ends when the first success after it is; it is 0 when no attempt failed.

${tableOf(measurements)}

*Reference settings*: keepalived alone, as the chart that this one replaces documents it: advertisements every second, all nodes at one priority,
\`preempt_delay 5\`. Shell scripts ask the service every 2 s and fail it after 2, kubelet and API every 5 s and after 5. The same keepalived and lab, in the same session.
${repeatedSentence({ repeatedRuns })} Where nothing is promised no run is repeated.

${verdict(missed)}
`;
}
