import { messageOf } from '../../common/errors.ts';
import { say } from '../support/print.ts';
import type { UndisturbedRuns } from '../support/undisturbed.ts';
import { type ClusterBenchEnd, withBenchCluster } from './cluster-bench.ts';
import { measureChange } from './control-plane-changes.ts';
import { type CostRun, measureCost, proxyImageBytes } from './control-plane-cost.ts';
import { type FaultCase, type FaultRun, measureFault } from './control-plane-faults.ts';
import type { ControlPlaneMeasurements } from './control-plane-report.ts';
import { ControlPlaneSite } from './control-plane-site.ts';
import type { ControlPlaneCases } from './control-plane-suites.ts';

/** Filled as it goes, so that what was measured before a failure is not lost. */
type Collected = {
  readonly [Kind in keyof ControlPlaneMeasurements]: ControlPlaneMeasurements[Kind][number][];
};

function faultLine({ node, failed, unanswered, lastFailedMs, watches, watchesBackMs, endedAgain }: FaultRun): string {
  const last = lastFailedMs === null ? '' : `, the last began after ${lastFailedMs.toFixed(0)} ms`;
  const again = endedAgain === 0 ? '' : `, ${endedAgain} times one ended once more`;
  return `${node}: ${failed} failed (${unanswered} without an answer)${last}; ${watches} watches back after ${watchesBackMs.toFixed(0)} ms${again}`;
}

function costLine({ direct, this: own, relay, residentBytes }: CostRun): string {
  const text = ({ perSecond, processorMs, p50Ms, p99Ms }: CostRun['this']) =>
    `${perSecond.toFixed(0)}/s, ${processorMs?.toFixed(2) ?? '-'} ms each, ${p50Ms.toFixed(2)} and ${p99Ms.toFixed(1)} ms`;
  return `direct ${text(direct)}; this ${text(own)}; k0s's way ${text(relay)}; ${(residentBytes / 1e6).toFixed(1)} MB`;
}

/** Every case, each a step of its own: what follows one that failed is measured all the same. */
function stepsOf(
  cases: ControlPlaneCases,
  plane: ControlPlaneSite,
  collected: Collected,
  undisturbed: UndisturbedRuns,
): (() => Promise<void>)[] {
  const byWay = cases.faults.flatMap((fault) => fault.ways.map((way): FaultCase => ({ ...fault, way })));
  const strike = (of: FaultCase) => () =>
    undisturbed.series(
      of,
      collected.faults,
      (run) => measureFault(plane, of, run),
      (run, number) => `${of.title}, ${of.way} ${number}: ${faultLine(run)}`,
    );
  // The holder's end comes last: what clients of the other way come to stays on the node that held the address first.
  const last = byWay.filter(({ node }) => node === 'the holder');
  return [
    ...cases.costs.map((of) => async () => {
      const imageBytes = await proxyImageBytes();
      const once = async () => ({ run: await measureCost(plane, imageBytes), failings: [] });
      await undisturbed.series(of, collected.costs, once, (run, number) => `${of.title} ${number}: ${costLine(run)}`);
    }),
    ...byWay.filter((each) => !last.includes(each)).map(strike),
    ...cases.changes.map((of) => async () => {
      const once = (run: number) => measureChange(plane, of, run);
      await undisturbed.series(of, collected.changes, once, ({ failed, relayFailed, timedMs }, number) => {
        const relayed = relayFailed === null ? '' : ` (${relayFailed} by k0s's way)`;
        return `${of.title} ${number}: ${failed} failed${relayed}, ${timedMs.toFixed(0)} ms`;
      });
    }),
    ...last.map(strike),
  ];
}

/** How a bench ends early. */
interface ControlPlaneBenchOptions {
  /** Leave the cluster up when a run fails. */
  readonly keep: boolean;
  /** When it is aborted, nothing is begun any more: the cluster is being taken down. */
  readonly signal: AbortSignal;
}

async function measureAll(
  steps: readonly (() => Promise<void>)[],
  { keep, signal }: ControlPlaneBenchOptions,
): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
      if (keep || signal.aborted) break;
      say(`${messageOf(error)}; going on with what is left`);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** What a run of the bench of the control plane came to. */
export interface ControlPlaneBenchResult extends ClusterBenchEnd {
  readonly measurements: ControlPlaneMeasurements;
}

/** Measures the control plane's address on a cluster of its own. */
export async function benchControlPlane(
  cases: ControlPlaneCases,
  options: ControlPlaneBenchOptions,
): Promise<ControlPlaneBenchResult> {
  const collected: Collected = { faults: [], changes: [], costs: [] };
  const end = await withBenchCluster({ ...options, of: 'control planes' }, async ({ site, undisturbed }) => {
    const plane = new ControlPlaneSite(site);
    try {
      await plane.start();
      await measureAll(stepsOf(cases, plane, collected, undisturbed), options);
    } finally {
      await plane.stop();
    }
  });
  return { measurements: collected, ...end };
}
