import { ensureTool } from '../../scripts/tools.ts';
import { CLIENT_KINDS } from '../clients/prober.ts';
import { takeDown } from '../cluster/down.ts';
import { imageArchives } from '../cluster/images.ts';
import { readyParts } from '../cluster/parts.ts';
import { planCluster } from '../cluster/plan.ts';
import { clusterKubectl } from '../cluster/state.ts';
import { bringUp } from '../cluster/up.ts';
import { ClusterEnvironment } from '../environment/cluster.ts';
import { type HandOver, HandOvers, type Strike } from '../environment/hand-over.ts';
import { helmInstall } from '../environment/release.ts';
import { ownSite, Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { say } from '../support/print.ts';
import { RELEASE_NAME, RELEASE_NAMESPACE } from '../support/release-names.ts';
import { StallWatch } from '../support/stalls.ts';
import { UndisturbedRuns } from '../support/undisturbed.ts';
import type { ClusterMeasurement } from './cluster-report.ts';
import type { ClusterCase } from './cluster-suites.ts';

/** Name of the cluster that is measured. */
export const BENCH_CLUSTER = 'bench';

const ROLLOUT_LIMIT_MS = 180_000;

function describe({ outageMs, reasons, moves, from, to, oneHolderMs }: HandOver): string {
  const why = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
  return `outage ${outageMs.regular.toFixed(1)} and ${outageMs.newcomer.toFixed(1)} ms${why}, ${moves} moves, ${from} -> ${to}, one holder after ${oneHolderMs.toFixed(0)} ms`;
}

/** A rolling update of the release, on whichever node it begins. */
const rollingUpdate: Strike = async () => {
  const atMs = monotonicMs();
  const { kubectl } = new ClusterEnvironment(BENCH_CLUSTER);
  const workload = `daemonset/${RELEASE_NAME}`;
  await kubectl(['-n', RELEASE_NAMESPACE, 'rollout', 'restart', workload]);
  await kubectl(['-n', RELEASE_NAMESPACE, 'rollout', 'status', workload], { timeout: ROLLOUT_LIMIT_MS });
  return atMs;
};

/** A cluster that is up to be measured. */
export interface BenchedCluster {
  readonly site: Site;
  readonly stalls: StallWatch;
  readonly undisturbed: UndisturbedRuns;
}

/** How a cluster is measured. */
export interface BenchClusterOptions {
  /** Leave the cluster up when the measuring fails. */
  readonly keep: boolean;
  /** Ends the bringing up early. */
  readonly signal?: AbortSignal;
  /** By default one control plane beside the three nodes, and an ingress on each of them; else all three are control planes. */
  readonly of?: 'nodes' | 'control planes';
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
  { keep, signal, of = 'nodes' }: BenchClusterOptions,
  measure: (cluster: BenchedCluster) => Promise<void>,
): Promise<ClusterBenchEnd> {
  const parts = await readyParts(say);
  const archives = await imageArchives(say);
  const helm = await ensureTool('helm');
  await takeDown(BENCH_CLUSTER);
  const shape = of === 'nodes' ? { controlPlanes: 1, ingress: true } : { controlPlanes: 3, ingress: false };
  const state = await bringUp({ name: BENCH_CLUSTER, nodes: 3, ...shape }, parts, archives, say, signal);
  const stalls = new StallWatch();
  const undisturbed = new UndisturbedRuns(stalls, say);
  let kubernetes = '';
  let error: unknown;
  try {
    const version = JSON.parse(await clusterKubectl(state)(['get', '--raw', '/version'])) as { gitVersion: string };
    kubernetes = version.gitVersion;
    await stalls.start();
    const { apiVip, ingressVip } = planCluster(state.shape);
    const site = new Site(ownSite(state, { helm, helm3: undefined }, of === 'nodes' ? ingressVip : apiVip));
    await measure({ site, stalls, undisturbed });
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
  const end = await withBenchCluster({ keep }, async ({ site, undisturbed }) => {
    await helmInstall(site, { set: ['kind=DaemonSet'], args: ['--wait', '--timeout', '120s'] });
    const { address, cluster } = site;
    const handOvers = new HandOvers(cluster, { address, kinds: CLIENT_KINDS, realTime: true });
    try {
      await handOvers.start();
      for (const of of cases) {
        const strike = of.happening === 'rolling-update' ? rollingUpdate : of.happening;
        const once = () => handOvers.run(strike, of.expectation);
        await undisturbed.series(of, measurements, once, (run, number) => `${of.title} ${number}: ${describe(run)}`);
      }
    } finally {
      await handOvers.stop();
    }
  });
  return { measurements, ...end };
}
