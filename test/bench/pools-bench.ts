import { deletePool } from '../environment/pools.ts';
import { helmUninstall } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { say } from '../support/print.ts';
import type { UndisturbedRuns, WatchedRun } from '../support/undisturbed.ts';
import { type BenchedCluster, type ClusterBenchEnd, withBenchCluster } from './cluster-bench.ts';
import {
  formatShares,
  type PoolFaultMeasurement,
  type PoolFaultRun,
  type PoolMeasurements,
  type PoolTimingMeasurement,
} from './pools-report.ts';
import { installForPools, measureMany, SixAddresses, Upgrade } from './pools-scenario.ts';
import type { PoolCases, PoolTimingCase } from './pools-suites.ts';

/** Filled as it goes, so that what was measured before a failure is not lost. */
interface Collected extends PoolMeasurements {
  readonly faults: PoolFaultMeasurement[];
  readonly timings: PoolTimingMeasurement[];
}

/** Measures some of the cases on a cluster on which nothing is installed. */
type Section = (site: Site, cases: PoolCases, collected: Collected, undisturbed: UndisturbedRuns) => Promise<void>;

function faultLine(fault: string, number: string, run: PoolFaultRun): string {
  const { node, outageMs, shares, healOutageMs, healedShares } = run;
  const after = `outage ${outageMs.toFixed(1)} ms, ${formatShares(shares)}`;
  return `${fault} on ${node} ${number}: ${after}; healing ${healOutageMs.toFixed(1)} ms, ${formatShares(healedShares)}`;
}

async function measureTimings(
  cases: readonly PoolTimingCase[],
  once: (run: number) => Promise<WatchedRun<number[]>>,
  { timings }: Collected,
  undisturbed: UndisturbedRuns,
): Promise<void> {
  for (const of of cases) {
    await undisturbed.series(of, timings, once, (run, number) => {
      return `${of.title} ${number}: ${run.map((value) => `${value.toFixed(1)} ms`).join(', ')}`;
    });
  }
}

function called({ timings }: PoolCases, title: PoolTimingCase['title']): PoolTimingCase[] {
  return timings.filter((each) => each.title === title);
}

const sixAddresses: Section = async (site, cases, collected, undisturbed) => {
  const six = new SixAddresses(site);
  try {
    await installForPools(site);
    await six.start();
    for (const of of cases.faults) {
      const once = (run: number) => six.fault(of.title, run);
      await undisturbed.series(of, collected.faults, once, (run, number) => faultLine(of.title, number, run));
    }
    await measureTimings(called(cases, 'edit'), (run) => six.edit(run), collected, undisturbed);
  } finally {
    await six.stop();
  }
};

const manyAddresses: Section = async (site, cases, collected, undisturbed) => {
  await installForPools(site);
  await measureTimings(called(cases, 'many'), () => measureMany(site), collected, undisturbed);
};

const upgrades: Section = async (site, cases, collected, undisturbed) => {
  const upgrade = new Upgrade(site);
  try {
    await upgrade.start();
    await measureTimings(called(cases, 'upgrade'), () => upgrade.run(), collected, undisturbed);
  } finally {
    await upgrade.stop();
  }
};

function sectionsOf(cases: PoolCases): Section[] {
  return [
    ...(cases.faults.length + called(cases, 'edit').length > 0 ? [sixAddresses] : []),
    ...(called(cases, 'many').length > 0 ? [manyAddresses] : []),
    ...(called(cases, 'upgrade').length > 0 ? [upgrades] : []),
  ];
}

/** Removes what a section left, however it ended. */
async function clear(site: Site): Promise<void> {
  await site.cluster.heal();
  await deletePool(site, '--all');
  await helmUninstall(site);
}

/** Measures a section; gives what went wrong, which may be nothing. */
async function attempt(section: () => Promise<void>): Promise<unknown> {
  try {
    await section();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** How a bench ends early. */
export interface PoolBenchOptions {
  /** Leave the cluster up when a run fails. */
  readonly keep: boolean;
  /** When it is aborted, nothing is begun any more: the cluster is being taken down. */
  readonly signal: AbortSignal;
}

/** One section after the other; what follows one that failed is measured all the same, unless the cluster is to be kept. */
async function measureSections(
  { undisturbed, site }: BenchedCluster,
  cases: PoolCases,
  collected: Collected,
  { keep, signal }: PoolBenchOptions,
): Promise<void> {
  const errors: unknown[] = [];
  for (const [index, section] of sectionsOf(cases).entries()) {
    const error = await attempt(async () => {
      if (index > 0) await clear(site);
      await section(site, cases, collected, undisturbed);
    });
    if (error === undefined) continue;
    errors.push(error);
    if (keep || signal.aborted) break;
    say(`${error instanceof Error ? error.message : String(error)}; going on with what is left`);
  }
  if (errors.length > 0) throw errors[0];
}

/** What a run of the bench of pools came to. */
export interface PoolBenchResult extends ClusterBenchEnd {
  readonly measurements: PoolMeasurements;
}

/** Measures pools on a cluster of its own. */
export async function benchPools(cases: PoolCases, options: PoolBenchOptions): Promise<PoolBenchResult> {
  const collected: Collected = { faults: [], timings: [] };
  const end = await withBenchCluster({ keep: options.keep }, (cluster) =>
    measureSections(cluster, cases, collected, options),
  );
  return { measurements: collected, ...end };
}
