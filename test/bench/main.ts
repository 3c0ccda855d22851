import { Command, InvalidArgumentError } from 'commander';
import { takeDown as takeClusterDown } from '../cluster/down.ts';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { say } from '../lab/print.ts';
import { labProber } from '../lab/probe.ts';
import { bringUp, waitForOneHolder } from '../lab/up.ts';
import { BENCH_CLUSTER, benchCluster } from './cluster-bench.ts';
import {
  type ClusterMeasurement,
  clusterPart,
  clusterTable,
  missedBudgets as missedClusterBudgets,
} from './cluster-report.ts';
import { CLUSTER_CASES, type ClusterCase } from './cluster-suites.ts';
import { today, writePart } from './page-file.ts';
import { measurePlanner, missedPlannerBudgets, PLANNER_CASES, plannerTable } from './planner.ts';
import { countMoves } from './planner-moves.ts';
import { movesTable, plannerPart } from './planner-report.ts';
import { benchPools } from './pools-bench.ts';
import { missedPoolBudgets, poolPart, poolTables, unfinishedCases } from './pools-report.ts';
import { choosePoolCases } from './pools-suites.ts';
import { labPart, type Measurement, missedBudgets, tableOf } from './report.ts';
import { type Run, runFault } from './scenario.ts';
import { SUITES, type Suite } from './suites.ts';

/* `npm run bench`: measures outages, beside the reference in the same session. */

const LAB = 'bench';
const interruption = new AbortController();

interface Options {
  readonly cluster?: boolean;
  readonly planner?: boolean;
  readonly pools?: boolean;
  readonly suite?: string[];
  readonly fault?: string[];
  readonly runs?: number;
  readonly write?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('not a whole number above 0');
  return value;
}

function chosen({ suite, fault, runs }: Options): Suite[] {
  return SUITES.filter(({ name }) => suite === undefined || suite.includes(name)).map((each) => ({
    ...each,
    faults: each.faults
      .filter((candidate) => fault === undefined || fault.includes(candidate.fault))
      .map((candidate) => ({ ...candidate, runs: runs ?? candidate.runs })),
  }));
}

async function measure(
  suite: Suite,
  fault: Suite['faults'][number],
  bench: Parameters<typeof runFault>[0],
): Promise<Measurement> {
  const runs: Run[] = [];
  while (runs.length < fault.runs) {
    const run = await runFault(bench, fault.fault);
    runs.push(run);
    const { outageMs, healOutageMs, oneHolderMs, from, to } = run;
    const figures = `outage ${outageMs.toFixed(1)} ms, healing ${healOutageMs.toFixed(1)} ms, one holder after ${oneHolderMs.toFixed(0)} ms`;
    say(`${suite.name} ${fault.fault} ${runs.length}/${fault.runs}: ${figures}, ${from} -> ${to}`);
  }
  return { suite, fault: fault.fault, runs };
}

/** Adds to `measurements` as it goes, so that what was measured before a failure is not lost. */
async function runSuite(suite: Suite, keep: boolean, measurements: Measurement[]): Promise<void> {
  if (suite.faults.length === 0) return;
  const values = { files: [], set: suite.set };
  const adapt = suite.adapt === undefined ? {} : { adapt: suite.adapt };
  const state = await bringUp({ name: LAB, nodes: 3, values, ...adapt }, await readyMachine(say), say);
  const prober = labProber(state, 'regular');
  let failed = true;
  try {
    await waitForOneHolder(state);
    await prober.start();
    for (const fault of suite.faults) {
      measurements.push(await measure(suite, fault, { state, prober, quietMs: suite.quietMs }));
    }
    failed = false;
  } finally {
    await prober.stop();
    if (!(failed && keep)) await takeDown(LAB);
  }
}

async function measureAll(options: Options): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const suite of chosen(options)) {
    try {
      await runSuite(suite, options.keep === true, measurements);
    } catch (error) {
      process.exitCode = 1;
      say(`${suite.name}: ${error instanceof Error ? error.message : String(error)}; going on with what was measured`);
      if (options.keep) break;
    }
  }
  return measurements;
}

function report(missed: readonly string[], json: boolean | undefined, runs: object, table: string): void {
  process.stdout.write(`${json ? JSON.stringify(runs) : table}\n`);
  for (const line of missed) say(`missed: ${line}`);
  if (missed.length > 0) process.exitCode = 1;
}

async function runLab(options: Options): Promise<void> {
  await takeDown(LAB);
  const measurements = await measureAll(options);
  if (options.write) await writePart('lab', labPart(measurements, today()));
  const runs = measurements.map(({ suite, fault, runs: all }) => ({ suite: suite.name, fault, runs: all }));
  report(measurements.flatMap(missedBudgets), options.json, runs, tableOf(measurements));
}

function chosenCases({ fault, runs }: Options): ClusterCase[] {
  return CLUSTER_CASES.filter(({ title }) => fault === undefined || fault.includes(title)).map((each) => ({
    ...each,
    runs: runs ?? each.runs,
  }));
}

async function runCluster(options: Options): Promise<void> {
  const { measurements, error, ...conditions } = await benchCluster(chosenCases(options), options.keep === true);
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
    void Promise.allSettled([takeDown(LAB), takeClusterDown(BENCH_CLUSTER)]).finally(() => process.exit(130));
  });
}

/** What is measured. @throws Error when that is not clear. */
function subjectOf({ cluster, planner, pools }: Options): (options: Options) => Promise<void> {
  const chosen = [...(cluster ? [runCluster] : []), ...(pools ? [runPools] : []), ...(planner ? [runPlanner] : [])];
  if (chosen.length > 1) throw new Error('--cluster, --pools and --planner are runs of their own: give one of them');
  return chosen[0] ?? runLab;
}

new Command('bench')
  .description(
    'Measures how long clients go without an answer, beside the reference in the same session; and how fast plans are.',
  )
  .option('--cluster', 'on a real Kubernetes instead of the lab')
  .option('--pools', 'pools of addresses on a real Kubernetes')
  .option('--planner', "the controller's planner alone, without a lab")
  .option('--suite <name...>', `only these: ${SUITES.map(({ name }) => name).join(', ')}`)
  .option('--fault <name...>', 'only these faults; of pools also edit, many, upgrade')
  .option('--runs <n>', 'this many runs of each instead of the usual number', positive)
  .option('--write', 'write docs/performance.md')
  .option(
    '--keep',
    `when a run fails, leave the lab or cluster up to be looked at: npm run lab -- --name ${LAB} status`,
  )
  .option('--json', 'every run as JSON on standard output')
  .action((options: Options) => subjectOf(options)(options))
  .parseAsync()
  .catch(async (error: unknown) => {
    say(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
