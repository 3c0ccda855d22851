import { type Conditions, onCluster, repeatedSentence, SHARED_PROCESSORS, writtenBy } from './conditions.ts';
import { markdownTable, missedPromise, ms, verdict } from './markdown.ts';
import { nameOf, type ServiceCase, type ServiceFigure } from './services-suites.ts';
import { statisticsOf } from './statistics.ts';

/** The runs of one case; each has one value for each figure, in the figure's unit. */
export interface ServiceMeasurement {
  readonly of: ServiceCase;
  readonly runs: readonly (readonly number[])[];
}

interface FigureRow extends ServiceFigure {
  readonly values: readonly number[];
}

function rowsOf({ of, runs }: ServiceMeasurement): FigureRow[] {
  return of.figures.map((figure, index) => ({ ...figure, values: runs.flatMap((run) => run[index] ?? []) }));
}

function cells({ title, unit, promised, values }: FigureRow): string[] {
  const { runs, medianMs: median, worstMs: worst } = statisticsOf(values);
  const { median: most, worst: worstMost } = promised ?? {};
  return [title, unit, String(runs), ms(median), ms(worst), `${most ?? ''}`, `${worstMost ?? ''}`];
}

/** The measurements as a Markdown table. */
export function serviceTable(measurements: readonly ServiceMeasurement[]): string {
  const head = 'what | unit | runs | median | worst | promised median | promised worst';
  return markdownTable(head, measurements.flatMap(rowsOf).map(cells));
}

/** Promises that were not kept, in words. */
export function missedServiceBudgets(measurements: readonly ServiceMeasurement[]): string[] {
  return measurements.flatMap(rowsOf).flatMap(({ title, unit, promised, values }) => {
    const { medianMs: median, worstMs: worst } = statisticsOf(values);
    return [
      ...missedPromise(`${title}: median`, median, promised?.median, unit),
      ...missedPromise(`${title}: worst`, worst, promised?.worst, unit),
    ];
  });
}

/** Cases that were not measured as often as they were to be, because something failed; in words. */
export function unfinishedServiceCases(
  cases: readonly ServiceCase[],
  measurements: readonly ServiceMeasurement[],
): string[] {
  const done = new Map(measurements.map(({ of, runs }) => [nameOf(of), runs.length]));
  return cases
    .filter((of) => (done.get(nameOf(of)) ?? 0) < of.runs)
    .map((of) => `${nameOf(of)}: ended after ${done.get(nameOf(of)) ?? 0} of ${of.runs} runs`);
}

/**
 * The Services' part of `docs/performance.md`.
 * @param missed promises that were not kept, and what was not measured, in words
 */
export function servicesPart(
  measurements: readonly ServiceMeasurement[],
  conditions: Conditions,
  missed: readonly string[],
): string {
  return `## Services

${writtenBy('bench -- --services', conditions.date)}. ${onCluster(conditions)}
The chart installed by Helm with \`services.enabled\`; pools have \`failback: {delaySeconds: 2}\`. Services are made and read by a client of the API that
keeps its connection and a watch, not by kubectl. Clients open a connection every 5 ms, and know the address from the beginning; those of many Services ask each until it has
answered once. ${SHARED_PROCESSORS}

${serviceTable(measurements)}

*New clients* forget the address's neighbour entry before each attempt. *Off their node*: the kernel told that an address left an interface.
${repeatedSentence(conditions)}

${verdict(missed)}
`;
}
