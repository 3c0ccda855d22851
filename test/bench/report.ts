import type { FaultName } from '../lab/fault-names.ts';
import { type Conditions, repeatedSentence } from './conditions.ts';
import { markdownTable, ms, processors, verdict } from './markdown.ts';
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

/** The runs of one fault in one suite. */
export interface Measurement {
  readonly suite: Suite;
  readonly fault: FaultName;
  readonly runs: readonly Run[];
}

/** A promise that was not kept, in words. */
export function missedBudgets({ suite, fault, runs }: Measurement): string[] {
  const budget = suite.faults.find((candidate) => candidate.fault === fault)?.budget;
  if (budget === undefined) return [];
  const outage = outageOf(runs);
  const heal = statisticsOf(runs.map(({ healOutageMs }) => healOutageMs));
  const checks: [string, number, number | undefined][] = [
    ['median', outage.medianMs, budget.medianMs],
    ['worst', outage.worstMs, budget.worstMs],
    ['worst while healing', heal.worstMs, budget.healWorstMs],
  ];
  return checks
    .filter(([, measured, promised]) => promised !== undefined && measured > promised)
    .map(([what, measured, promised]) => `${suite.name} ${fault}: ${what} ${ms(measured)} ms, promised ${promised} ms`);
}

function outageOf(runs: readonly Run[]): Statistics {
  return statisticsOf(runs.map(({ outageMs }) => outageMs));
}

function ratio(mine: Statistics, reference: Measurement | undefined): string {
  if (reference === undefined) return '';
  const theirs = outageOf(reference.runs);
  return mine.medianMs < 1 ? 'no outage' : `${(theirs.medianMs / mine.medianMs).toFixed(0)} x`;
}

function row(measurement: Measurement, reference: Measurement | undefined): string[] {
  const { suite, fault, runs } = measurement;
  const outage = outageOf(runs);
  const heal = statisticsOf(runs.map(({ healOutageMs }) => healOutageMs));
  const one = statisticsOf(runs.map(({ oneHolderMs }) => oneHolderMs));
  return [
    `\`${fault}\``,
    suite.title,
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
    const isReference = measurement.suite.name === 'reference';
    const reference = isReference
      ? undefined
      : measurements.find(({ suite, fault }) => suite.name === 'reference' && fault === measurement.fault);
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

Written by \`npm run bench -- --write\` on ${date}, ${processors()}, Node ${process.version}. Three nodes, real keepalived, nginx and VRRP, as
network namespaces on one bridge, all on this one machine, so nodes and clients share its cores. A client opens a new connection every 5 ms. An outage lasts from the
completion of the last success that started before the first failed attempt to the completion of the first success that started after it; 0 when no attempt failed.

${tableOf(measurements)}

*Reference settings*: keepalived alone, as the chart that this one replaces documents it: advertisements every second, all nodes at one priority,
\`preempt_delay 5\`, shell scripts that ask the service every 2 s and fail it after 2, kubelet and API every 5 s and after 5. Same keepalived, same lab, same session.
${repeatedSentence({ repeatedRuns })} Where nothing is promised no run is repeated.

${verdict(missed)}
`;
}
