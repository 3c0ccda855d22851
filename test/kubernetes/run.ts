import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { monotonicMs } from '../support/clock.ts';
import type { Say } from '../support/print.ts';
import { inOrder, type Spec, shortTitle } from './specs.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Where the tests run, and with what. */
export interface Suite {
  /** The words that run the tests' program where the client is that they ask from. */
  readonly program: readonly [string, ...string[]];
  readonly kubectl: string;
  readonly kubeconfig: string;
  /** Folder for what each test said. */
  readonly logs: string;
}

/** A test that was run. */
export interface SpecResult extends Verdict {
  readonly spec: Spec;
  readonly seconds: number;
  /** File with all that it said. */
  readonly log: string;
}

/** A test that is interrupted by its limit still removes what it made. */
const GRACE_SECONDS = 90;

function argumentsFor({ kubectl, kubeconfig }: Suite, { title, limitSeconds }: Spec): string[] {
  return [
    // Of the providers the one that knows no cloud.
    '--provider=skeleton',
    `--kubeconfig=${kubeconfig}`,
    `--kubectl-path=${kubectl}`,
    `--ginkgo.focus=${RegExp.escape(title)}`,
    `--ginkgo.timeout=${limitSeconds}s`,
    '--ginkgo.v',
    '--ginkgo.no-color',
    '--disable-log-dump=true',
  ];
}

/** Runs one test. @param number of the run: its log has it @param signal ends it early */
async function runSpec(suite: Suite, spec: Spec, number: number, signal: AbortSignal): Promise<SpecResult> {
  const beganMs = monotonicMs();
  const [program, ...words] = suite.program;
  const { all = '', timedOut } = await execa(program, [...words, ...argumentsFor(suite, spec)], {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: (spec.limitSeconds + GRACE_SECONDS) * 1000,
    cancelSignal: signal,
    forceKillAfterDelay: 5000,
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  signal.throwIfAborted();
  const log = join(suite.logs, `${number}-${spec.title.replaceAll(/[^A-Za-z0-9]+/g, '-')}.log`);
  await mkdir(suite.logs, { recursive: true });
  await writeFile(log, all);
  const verdict: Verdict = timedOut ? { result: 'failed', why: 'it did not end' } : verdictOf(all);
  return { ...verdict, spec, seconds: (monotonicMs() - beganMs) / 1000, log };
}

/** How tests are run. */
export interface Running {
  /** So many at a time, each in a namespace of its own. */
  readonly atOnce: number;
  /** Gets each result as it comes. */
  readonly results: SpecResult[];
  readonly say: Say;
  readonly signal: AbortSignal;
}

/** Runs tests: one after the other, or several at once. */
export async function runSpecs(
  suite: Suite,
  specs: readonly Spec[],
  { atOnce, results, say, signal }: Running,
): Promise<void> {
  const waiting = inOrder(specs, atOnce);
  const lane = async (): Promise<void> => {
    for (let spec = waiting.shift(); spec !== undefined; spec = waiting.shift()) {
      const number = specs.length - waiting.length;
      say(`${number} of ${specs.length}: ${shortTitle(spec)}`);
      const result = await runSpec(suite, spec, number, signal);
      results.push(result);
      const why = result.why === undefined ? '' : `: ${result.why} (${result.log})`;
      say(`${result.result} after ${result.seconds.toFixed(0)} s: ${shortTitle(spec)}${why}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
