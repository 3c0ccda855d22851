import { execa } from 'execa';
import { ensureTool } from '../../scripts/tools.ts';
import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { readyParts } from '../cluster/parts.ts';
import { planCluster } from '../cluster/plan.ts';
import { adminKubeconfig, type ClusterState, clusterKubectl } from '../cluster/state.ts';
import { bringUp } from '../cluster/up.ts';
import { ClusterBench, type ClusterRun } from '../environment/hand-over.ts';
import { say } from '../support/print.ts';
import { CHART, RELEASE_NAME, RELEASE_NAMESPACE } from '../support/release-names.ts';
import { StallWatch } from '../support/stalls.ts';
import type { ClusterMeasurement } from './cluster-report.ts';
import type { ClusterCase } from './cluster-suites.ts';
import { UndisturbedRuns } from './undisturbed.ts';

/** Name of the cluster that is measured. */
export const BENCH_CLUSTER = 'bench';

const INSTALL_LIMIT_MS = 180_000;

function describe(run: ClusterRun): string {
  const { outageMs, reasons, moves, from, to, oneHolderMs } = run;
  const why = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  return `outage ${outageMs.regular.toFixed(1)} and ${outageMs.newcomer.toFixed(1)} ms${why}, ${moves} moves, ${from} -> ${to}, one holder after ${oneHolderMs.toFixed(0)} ms`;
}

/** Adds to `measurements` as it goes, so that what was measured before a failure is not lost. */
async function measure(
  bench: ClusterBench,
  undisturbed: UndisturbedRuns,
  of: ClusterCase,
  measurements: ClusterMeasurement[],
): Promise<void> {
  const runs: ClusterRun[] = [];
  while (runs.length < of.runs) {
    const what = `${of.title} ${runs.length + 1}/${of.runs}`;
    const run = await undisturbed.run(what, () => bench.run(of.happening, of.expectation));
    runs.push(run);
    if (runs.length === 1) measurements.push({ of, runs });
    say(`${what}: ${describe(run)}`);
  }
}

async function install(helm: string, address: string): Promise<void> {
  const set = [`keepalived.vipAddressCidr=${address}`, 'kind=DaemonSet'].flatMap((assignment) => ['--set', assignment]);
  await execa(
    helm,
    [
      'install',
      RELEASE_NAME,
      CHART,
      '-n',
      RELEASE_NAMESPACE,
      '--create-namespace',
      '--wait',
      '--timeout',
      '120s',
      ...set,
    ],
    { env: { KUBECONFIG: adminKubeconfig(BENCH_CLUSTER) }, timeout: INSTALL_LIMIT_MS },
  );
}

/** A cluster that is up to be measured. */
export interface BenchedCluster {
  readonly state: ClusterState;
  /** Path of helm. */
  readonly helm: string;
  readonly stalls: StallWatch;
  readonly undisturbed: UndisturbedRuns;
}

/** How a cluster is measured. */
export interface BenchClusterOptions {
  /** Leave the cluster up when the measuring fails. */
  readonly keep: boolean;
  /** Ends the bringing up early. */
  readonly signal?: AbortSignal;
}

/** How the measuring on a cluster ended. */
export interface ClusterBenchEnd {
  /** Version of Kubernetes. */
  readonly kubernetes: string;
  /** Runs that were not counted, because the machine itself stood still meanwhile. */
  readonly repeatedRuns: number;
  /** Why it ended before all was measured. */
  readonly error: unknown;
}

/** Brings a cluster of three nodes up, measures, and takes the cluster down. */
export async function withBenchCluster(
  { keep, signal }: BenchClusterOptions,
  measure: (cluster: BenchedCluster) => Promise<void>,
): Promise<ClusterBenchEnd> {
  const parts = await readyParts(say);
  const archives = await imageArchives(say);
  const helm = await ensureTool('helm');
  await takeDown(BENCH_CLUSTER);
  const shape = { name: BENCH_CLUSTER, nodes: 3, controlPlanes: 1, ingress: true };
  const state = await bringUp(shape, parts, archives, say, signal);
  const stalls = new StallWatch();
  const undisturbed = new UndisturbedRuns(stalls, say);
  let kubernetes = '';
  let error: unknown;
  try {
    const version = JSON.parse(await clusterKubectl(state)(['get', '--raw', '/version'])) as { gitVersion: string };
    kubernetes = version.gitVersion;
    await stalls.start();
    await measure({ state, helm, stalls, undisturbed });
  } catch (caught) {
    error = caught;
  } finally {
    stalls.stop();
    if (error === undefined || !keep) await takeDown(BENCH_CLUSTER);
  }
  return { kubernetes, repeatedRuns: undisturbed.repeated, error };
}

/** What a run of the bench on a cluster came to. */
export interface ClusterBenchResult extends ClusterBenchEnd {
  readonly measurements: readonly ClusterMeasurement[];
}

/**
 * Installs the chart on a cluster of its own and measures.
 * @param keep leave the cluster up when a run fails
 */
export async function benchCluster(cases: readonly ClusterCase[], keep: boolean): Promise<ClusterBenchResult> {
  const measurements: ClusterMeasurement[] = [];
  const end = await withBenchCluster({ keep }, async ({ state, helm, undisturbed }) => {
    const plan = planCluster(state.shape);
    await install(helm, `${plan.ingressVip}/${plan.prefixLength}`);
    const release = { namespace: RELEASE_NAMESPACE, workload: `daemonset/${RELEASE_NAME}` };
    const bench = new ClusterBench(BENCH_CLUSTER, plan.ingressVip, release);
    try {
      await bench.start();
      for (const each of cases) await measure(bench, undisturbed, each, measurements);
    } finally {
      await bench.stop();
    }
  });
  return { measurements, ...end };
}
