import { type HandOver, HandOvers } from '../environment/hand-over.ts';
import { LabEnvironment } from '../environment/lab.ts';
import { takeDown } from '../lab/down.ts';
import type { FaultName } from '../lab/fault-names.ts';
import { readyMachine } from '../lab/machine.ts';
import { bringUp, waitForOneHolder } from '../lab/up.ts';
import { say } from '../support/print.ts';
import { StallWatch } from '../support/stalls.ts';
import { UndisturbedRuns, type WatchedRun } from '../support/undisturbed.ts';
import type { LabCase, Measurement, Run } from './report.ts';
import type { Suite } from './suites.ts';

/** Name of the lab that is measured. */
export const BENCH_LAB = 'bench';

/** What a run of the bench in the lab came to. */
export interface LabBenchResult {
  readonly measurements: readonly Measurement[];
  /** Runs that were not counted, because the machine itself stood still meanwhile. */
  readonly repeatedRuns: number;
  /** Why suites ended before all of them was measured. */
  readonly errors: readonly unknown[];
}

/** Without counts of failures: no fault here lasts longer than they do, and the reference tells none. */
const MOVES = { address: 'move', withinMs: 30_000, mayCount: true } as const;

/** What the lab's table tells of a hand-over: the repair is the lab's own doing, and counts. */
function runOf({ from, taker, outageMs, healOutageMs, healMs, oneHolderMs, missedSlots }: HandOver): Run {
  return {
    outageMs: outageMs.regular,
    healOutageMs: healOutageMs.regular,
    oneHolderMs: healMs + oneHolderMs,
    from,
    to: taker ?? from,
    missedSlots,
  };
}

/** Without a promise there is nothing to judge, and the reference's outages last so long that some standstill falls into most of them. */
async function once(handOvers: HandOvers<FaultName>, { fault, budget }: LabCase): Promise<WatchedRun<Run>> {
  const { run, failings } = await handOvers.run(fault, MOVES);
  return { run: runOf(run), failings: budget === undefined ? [] : failings };
}

function describe({ title }: LabCase, { outageMs, healOutageMs, oneHolderMs, from, to }: Run, number: string): string {
  const figures = `outage ${outageMs.toFixed(1)} ms, healing ${healOutageMs.toFixed(1)} ms, one holder after ${oneHolderMs.toFixed(0)} ms`;
  return `${title} ${number}: ${figures}, ${from} -> ${to}`;
}

/** Adds to `measurements` as it goes, so that what was measured before a failure is not lost. */
async function runSuite(
  suite: Suite,
  keep: boolean,
  undisturbed: UndisturbedRuns,
  measurements: Measurement[],
): Promise<void> {
  if (suite.faults.length === 0) return;
  const values = { files: [], set: suite.set };
  const adapt = suite.adapt === undefined ? {} : { adapt: suite.adapt };
  const state = await bringUp({ name: BENCH_LAB, nodes: 3, values, ...adapt }, await readyMachine(say), say);
  const lab = new LabEnvironment(BENCH_LAB);
  const handOvers = new HandOvers(lab, { address: lab.address, kinds: ['regular'], quietMs: suite.quietMs });
  let failed = true;
  try {
    await waitForOneHolder(state);
    await handOvers.start();
    for (const fault of suite.faults) {
      const of = { ...fault, suite, title: `${suite.name} ${fault.fault}` };
      await undisturbed.series(
        of,
        measurements,
        () => once(handOvers, of),
        (...run) => describe(of, ...run),
      );
    }
    failed = false;
  } finally {
    await handOvers.stop();
    if (!(failed && keep)) await takeDown(BENCH_LAB);
  }
}

/**
 * Measures each suite in a lab of its own; one that fails does not end the others.
 * @param keep leave the lab up when a run fails, and end there
 */
export async function benchLab(suites: readonly Suite[], keep: boolean): Promise<LabBenchResult> {
  await takeDown(BENCH_LAB);
  const measurements: Measurement[] = [];
  const errors: unknown[] = [];
  const stalls = new StallWatch();
  const undisturbed = new UndisturbedRuns(stalls, say);
  try {
    await stalls.start();
    for (const suite of suites) {
      try {
        await runSuite(suite, keep, undisturbed, measurements);
      } catch (error) {
        errors.push(error);
        say(
          `${suite.name}: ${error instanceof Error ? error.message : String(error)}; going on with what was measured`,
        );
        if (keep) break;
      }
    }
  } finally {
    stalls.stop();
  }
  return { measurements, repeatedRuns: undisturbed.repeated, errors };
}
