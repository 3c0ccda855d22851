import { CLIENT_KINDS } from '../clients/prober.ts';
import type { HandOver } from '../environment/hand-over.ts';
import type { ClusterCase } from './cluster-suites.ts';
import { type Conditions, onCluster, repeatedSentence, SHARED_PROCESSORS, writtenBy } from './conditions.ts';
import { markdownTable, missedPromise, ms, verdict } from './markdown.ts';
import { type Statistics, statisticsOf } from './statistics.ts';

/** The runs of one case. */
export interface ClusterMeasurement {
  readonly of: ClusterCase;
  readonly runs: readonly HandOver[];
}

function worstOf(outages: HandOver['outageMs']): number {
  return Math.max(...CLIENT_KINDS.map((kind) => outages[kind]));
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? String(least) : `${least}-${most}`;
}

/** A promise that was not kept, in words. */
export function missedBudgets({ of, runs }: ClusterMeasurement): string[] {
  const outage = statisticsOf(runs.map(({ outageMs }) => worstOf(outageMs)));
  const moved = runs.filter(({ moves }) => moves > 0).length;
  return [
    ...missedPromise(`${of.title}: worst`, outage.worstMs, of.budgetMs),
    ...(of.expectation.address === 'stay' && moved > 0 ? [`${of.title}: the address moved in ${moved} runs`] : []),
  ];
}

function row({ of, runs }: ClusterMeasurement): string[] {
  const by = (kind: (typeof CLIENT_KINDS)[number]): Statistics =>
    statisticsOf(runs.map(({ outageMs }) => outageMs[kind]));
  const [regular, newcomer] = [by('regular'), by('newcomer')];
  const heal = statisticsOf(runs.map(({ healOutageMs }) => worstOf(healOutageMs)));
  const one = statisticsOf(runs.map(({ oneHolderMs }) => oneHolderMs));
  const moved = runs.flatMap(({ movedAfterMs }) => movedAfterMs ?? []);
  return [
    of.title,
    String(runs.length),
    ms(regular.medianMs),
    ms(regular.worstMs),
    ms(newcomer.medianMs),
    ms(newcomer.worstMs),
    range(runs.map(({ moves }) => moves)),
    moved.length === 0 ? '' : (statisticsOf(moved).medianMs / 1000).toFixed(2),
    ms(heal.worstMs),
    ms(one.worstMs),
    of.budgetMs === undefined ? '' : String(of.budgetMs),
  ];
}

/** The measurements as one Markdown table. */
export function clusterTable(measurements: readonly ClusterMeasurement[]): string {
  const head =
    'what happens to the holder | runs | outage, busy client: median (ms) | worst (ms) | outage, new client: median (ms) | worst (ms) | moves | moved after, median (s) | outage while healing, worst (ms) | one holder after healing, worst (ms) | promised (ms)';
  return markdownTable(head, measurements.map(row));
}

/** The cluster's part of `docs/performance.md`. */
export function clusterPart(measurements: readonly ClusterMeasurement[], conditions: Conditions): string {
  const missed = measurements.flatMap(missedBudgets);
  return `## On a real cluster

${writtenBy('bench -- --cluster', conditions.date)}. ${onCluster(conditions)}
The chart as it is with \`kind: DaemonSet\`, installed by Helm; the images of the checkout. The busy client opens a connection
every 5 ms. The new client opens one every 20 ms, and forgets the address's neighbour entry before each. Outages are counted as above. When the new client forgets the entry while
an attempt still waits for it, that attempt does not count if the next one succeeds: of an address that nobody has it sees no outage shorter than 40 ms. ${SHARED_PROCESSORS}

${clusterTable(measurements)}

*Moves*: how often the address came to another node until the repair; of a rolling update, during all of it. *Moved after*: from the fault to the address on the next node.
${repeatedSentence(conditions)}
*Kubelet backing off*: what crashed is left to the kubelet, which waits longer after each crash.

${verdict(missed)}
`;
}
