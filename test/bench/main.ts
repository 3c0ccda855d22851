import { Command } from 'commander';
import { takeDown as takeClusterDown } from '../cluster/down.ts';
import { takeDown } from '../lab/down.ts';
import { wholeNumber } from '../support/command-line.ts';
import { say } from '../support/print.ts';
import { BENCH_CLUSTER, benchCluster } from './cluster-bench.ts';
import {
  type ClusterMeasurement,
  clusterPart,
  clusterTable,
  missedBudgets as missedClusterBudgets,
} from './cluster-report.ts';
import { CLUSTER_CASES } from './cluster-suites.ts';
import { benchControlPlane } from './control-plane-bench.ts';
import {
  controlPlanePart,
  controlPlaneTables,
  missedControlPlaneBudgets,
  unfinishedControlPlaneCases,
} from './control-plane-report.ts';
import { chooseControlPlaneCases } from './control-plane-suites.ts';
import { BENCH_LAB, benchLab } from './lab-bench.ts';
import { today, writePart } from './page-file.ts';
import { measurePlanner, missedPlannerBudgets, PLANNER_CASES, plannerTable } from './planner.ts';
import { countMoves } from './planner-moves.ts';
import { movesTable, plannerPart } from './planner-report.ts';
import { benchPools } from './pools-bench.ts';
import { missedPoolBudgets, poolPart, poolTables, unfinishedCases } from './pools-report.ts';
import { chooseCases, choosePoolCases } from './pools-suites.ts';
import { labPart, missedBudgets, tableOf } from './report.ts';
import { benchServices } from './services-bench.ts';
import { missedServiceBudgets, servicesPart, serviceTable, unfinishedServiceCases } from './services-report.ts';
import { chooseServiceCases } from './services-suites.ts';
import { SUITES, type Suite } from './suites.ts';

/* `npm run bench`: measures outages, beside the reference in the same session. */

const interruption = new AbortController();

interface Options {
  readonly cluster?: boolean;
  readonly planner?: boolean;
  readonly pools?: boolean;
  readonly controlPlane?: boolean;
  readonly services?: boolean;
  readonly scale?: number;
  readonly suite?: string[];
  readonly fault?: string[];
  readonly runs?: number;
  readonly write?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
}

function chosen({ suite, fault, runs }: Options): Suite[] {
  return SUITES.filter(({ name }) => suite === undefined || suite.includes(name)).map((each) => ({
    ...each,
    faults: each.faults
      .filter((candidate) => fault === undefined || fault.includes(candidate.fault))
      .map((candidate) => ({ ...candidate, runs: runs ?? candidate.runs })),
  }));
}

function report(missed: readonly string[], json: boolean | undefined, runs: object, table: string): void {
  process.stdout.write(`${json ? JSON.stringify(runs) : table}\n`);
  for (const line of missed) say(`missed: ${line}`);
  if (missed.length > 0) process.exitCode = 1;
}

async function runLab(options: Options): Promise<void> {
  const { measurements, repeatedRuns, errors } = await benchLab(chosen(options), options.keep === true);
  if (errors.length > 0) process.exitCode = 1;
  if (options.write) await writePart('lab', labPart(measurements, { date: today(), repeatedRuns }));
  const runs = measurements.map(({ of, runs: all }) => ({ suite: of.suite.name, fault: of.fault, runs: all }));
  report(measurements.flatMap(missedBudgets), options.json, runs, tableOf(measurements));
}

async function runCluster(options: Options): Promise<void> {
  const { measurements, error, ...conditions } = await benchCluster(
    chooseCases(CLUSTER_CASES, options.fault, options.runs),
    options.keep === true,
  );
  if (options.write) await writePart('cluster', clusterPart(measurements, { date: today(), ...conditions }));
  const runs = measurements.map(({ of, runs: all }: ClusterMeasurement) => ({ fault: of.title, runs: all }));
  report(measurements.flatMap(missedClusterBudgets), options.json, runs, clusterTable(measurements));
  if (error !== undefined) throw error;
}

async function runPools(options: Options): Promise<void> {
  const cases = choosePoolCases(options.fault, options.runs);
  const how = { keep: options.keep === true, signal: interruption.signal };
  const { measurements, error, ...conditions } = await benchPools(cases, how);
  const missed = [...missedPoolBudgets(measurements), ...unfinishedCases(cases, measurements)];
  if (options.write) await writePart('pools', poolPart(measurements, { date: today(), ...conditions }, missed));
  report(missed, options.json, measurements, poolTables(measurements));
  if (error !== undefined) throw error;
}

async function runControlPlane(options: Options): Promise<void> {
  const cases = chooseControlPlaneCases(options.fault, options.runs);
  const how = { keep: options.keep === true, signal: interruption.signal };
  const { measurements, error, ...conditions } = await benchControlPlane(cases, how);
  const missed = [...missedControlPlaneBudgets(measurements), ...unfinishedControlPlaneCases(cases, measurements)];
  const part = () => controlPlanePart(measurements, { date: today(), ...conditions }, missed);
  if (options.write) await writePart('control plane', part());
  report(missed, options.json, measurements, controlPlaneTables(measurements));
  if (error !== undefined) throw error;
}

async function runServices(options: Options): Promise<void> {
  const cases = chooseServiceCases(options.fault, options.runs, options.scale);
  const how = { keep: options.keep === true, signal: interruption.signal };
  const { measurements, error, ...conditions } = await benchServices(cases, how);
  const missed = [...missedServiceBudgets(measurements), ...unfinishedServiceCases(cases, measurements)];
  if (options.write) await writePart('services', servicesPart(measurements, { date: today(), ...conditions }, missed));
  report(missed, options.json, measurements, serviceTable(measurements));
  if (error !== undefined) throw error;
}

async function runPlanner(options: Options): Promise<void> {
  const measurements = PLANNER_CASES.map((each) => {
    const measured = measurePlanner(each);
    say(`${each.title}: node lost ${measured.nodeLostMs.toFixed(1)} ms, heap ${measured.heapMib.toFixed(1)} MiB`);
    return measured;
  });
  const moves = PLANNER_CASES.map(countMoves);
  if (options.write) await writePart('planner', plannerPart(measurements, moves, today()));
  const tables = `${plannerTable(measurements)}\n\n${movesTable(moves)}`;
  report(missedPlannerBudgets(measurements), options.json, { measurements, moves }, tables);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort();
    say(`${signal}: removing what is measured`);
    void Promise.allSettled([takeDown(BENCH_LAB), takeClusterDown(BENCH_CLUSTER)]).finally(() => process.exit(130));
  });
}

/** What is measured. @throws Error when that is not clear. */
function subjectOf({ cluster, planner, pools, controlPlane, services }: Options): (options: Options) => Promise<void> {
  const chosen = [
    ...(cluster ? [runCluster] : []),
    ...(pools ? [runPools] : []),
    ...(controlPlane ? [runControlPlane] : []),
    ...(services ? [runServices] : []),
    ...(planner ? [runPlanner] : []),
  ];
  if (chosen.length > 1) {
    throw new Error(
      '--cluster, --pools, --control-plane, --services and --planner are runs of their own: give one of them',
    );
  }
  return chosen[0] ?? runLab;
}

new Command('bench')
  .description(
    'Measures how long clients go without an answer, beside the reference in the same session; and how fast plans are.',
  )
  .option('--cluster', 'on a real Kubernetes instead of the lab')
  .option('--pools', 'pools of addresses on a real Kubernetes')
  .option('--control-plane', "the address of API servers on a real Kubernetes, beside k0s's way")
  .option('--services', 'Services of type LoadBalancer on a real Kubernetes')
  .option('--scale <n>', 'so many Services at once, besides 1000', wholeNumber)
  .option('--planner', "the controller's planner alone, without a lab")
  .option('--suite <name...>', `only these: ${SUITES.map(({ name }) => name).join(', ')}`)
  .option(
    '--fault <name...>',
    'only these faults; of pools also edit, many, upgrade; of the control plane any title of its tables; of Services create, many, "many 5000"…: a wrong one names them',
  )
  .option('--runs <n>', 'this many runs of each instead of the usual number', wholeNumber)
  .option('--write', 'write docs/performance.md')
  .option(
    '--keep',
    `when a run fails, leave the lab or cluster up to be looked at: npm run lab -- --name ${BENCH_LAB} status`,
  )
  .option('--json', 'every run as JSON on standard output')
  .action((options: Options) => subjectOf(options)(options))
  .parseAsync()
  .catch(async (error: unknown) => {
    say(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
