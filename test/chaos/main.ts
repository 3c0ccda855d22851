import { Command } from 'commander';
import { withBenchCluster } from '../bench/cluster-bench.ts';
import { today, writePart } from '../bench/page-file.ts';
import { installForPools } from '../bench/pools-scenario.ts';
import { monotonicMs } from '../support/clock.ts';
import { runCommand, wholeNumber } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { say } from '../support/print.ts';
import { chaosPart, chaosTable, violationsIn } from './report.ts';
import { Chaos, type RoundResult } from './run.ts';

/* `npm run chaos`: random faults on a real Kubernetes, from a seed; every address must stay on one node. */

interface Options {
  readonly seed: number;
  readonly seconds: number;
  readonly services?: boolean;
  readonly write?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
}

const DEFAULT_SECONDS = 600;

function describe(result: RoundResult): string {
  const { round, outageMs, noHolderMs, twoHoldersMs, settledMs, evenMs, stallMs } = result;
  const figures = [
    `longest outage ${outageMs.toFixed(0)} ms`,
    `no holder ${noHolderMs.toFixed(0)} ms`,
    `two holders ${twoHoldersMs.toFixed(0)} ms`,
    `one holder ${settledMs.toFixed(0)} ms after the repair`,
    `even after ${(evenMs / 1000).toFixed(1)} s`,
    ...(stallMs === 0 ? [] : [`the machine stood still for ${stallMs.toFixed(0)} ms`]),
  ];
  return `round ${round.number} over: ${figures.join(', ')}`;
}

/** Round after round until the time is over; adds to `results` as it goes. */
async function makeChaos(chaos: Chaos, seconds: number, results: RoundResult[], signal: AbortSignal): Promise<void> {
  const endMs = monotonicMs() + seconds * 1000;
  while (monotonicMs() < endMs) {
    signal.throwIfAborted();
    const result = await chaos.round();
    results.push(result);
    say(describe(result));
    for (const violation of result.violations) say(`VIOLATION: ${violation}`);
  }
}

async function run(
  { seed, seconds, services = false, write, json, keep }: Options,
  signal: AbortSignal,
): Promise<void> {
  const results: RoundResult[] = [];
  const end = await withBenchCluster({ keep: keep === true, signal }, async ({ site, stalls }) => {
    await installForPools(site, services ? ['services.enabled=true', 'services.classless=true'] : []);
    const chaos = new Chaos(site, { seed, services }, { stalls, signal });
    try {
      await chaos.start();
      await makeChaos(chaos, seconds, results, signal);
      await chaos.clear();
    } finally {
      await chaos.stop();
    }
  });
  const conditions = { date: today(), kubernetes: end.kubernetes, seed, seconds, services };
  if (write) await writePart('chaos', chaosPart(results, conditions));
  const violations = violationsIn(results);
  process.stdout.write(`${json ? JSON.stringify({ seed, seconds, results }) : chaosTable(results)}\n`);
  for (const line of violations) say(`not kept: ${line}`);
  if (end.error !== undefined) throw end.error;
  if (violations.length > 0) process.exitCode = 1;
  else say(`${results.length} rounds of seed ${seed}: every promise was kept`);
}

const program = new Command('chaos')
  .description(
    'Strikes nodes, agents, control plane and pool at random on a real Kubernetes, and judges what became of the addresses.',
  )
  .option(
    '--seed <number>',
    'what happens follows from it; by default a new one each time',
    wholeNumber,
    1 + Math.floor(Math.random() * 1e6),
  )
  .option('--seconds <s>', 'begin no round after so long', wholeNumber, DEFAULT_SECONDS)
  .option('--services', 'Services of type LoadBalancer come, go and change besides')
  .option('--write', 'write docs/performance.md')
  .option('--keep', 'leave the cluster up when a round does not end well: npm run cluster -- --name bench status')
  .option('--json', 'every round as JSON on standard output')
  .action(async (options: Options) => {
    say(`seed ${options.seed}`);
    await interruptible((signal) => run(options, signal), say);
  });

await runCommand(program);
