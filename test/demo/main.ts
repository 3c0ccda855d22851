import { join } from 'node:path';
import { Command } from 'commander';
import { withLock } from '../../scripts/toolchain/lock.ts';
import { CLIENT_KINDS } from '../clients/prober.ts';
import { outageCells } from '../clients/report.ts';
import { LabEnvironment } from '../environment/lab.ts';
import { valueOptions } from '../lab/chart-options.ts';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { bringUp } from '../lab/up.ts';
import { cacheFolder } from '../support/cache-folder.ts';
import { runCommand } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { formatTable, say } from '../support/print.ts';
import { type DemoResult, DemoRun, type DemoStep } from './run.ts';

/**
 * `npm run demo`: the ingress of the node that holds the address dies, and clients are served by another node within milliseconds.
 * Leaves nothing behind, however it ends. `--json` prints the result for machines.
 */

const LAB = 'demo';
/** What the show goes through, and what is said when it is repaired. */
const ACTS = [
  ['ingress-crash', 'is well again'],
  ['link-down', 'is connected again'],
] as const;

interface Options {
  readonly json?: boolean;
  readonly set: string[];
  readonly file: string[];
}

/** Says what should have happened and did not. */
function judge(steps: readonly DemoStep[]): string[] {
  return steps.flatMap(({ step, timeline, holderBefore, holderAfter }) => {
    const isHealing = timeline.length === 0;
    if (isHealing && holderAfter !== holderBefore) {
      return [`${step}: the address moved from ${holderBefore} to ${holderAfter}, it should have stayed`];
    }
    if (!isHealing && !timeline.some(({ event }) => event === 'first answer')) {
      return [`${step}: nobody answered afterwards`];
    }
    return [];
  });
}

function formatTimeline({ step, timeline }: DemoStep): string {
  const rows = timeline.map(({ ms, event, node, detail }) => [`${ms.toFixed(1)} ms`.padStart(12), event, node, detail]);
  return `\n${step}\n${formatTable(rows)}\n`;
}

function formatOutages({ steps }: DemoResult): string {
  const rows = steps.flatMap(({ step, node, outages }) =>
    CLIENT_KINDS.flatMap((kind) => {
      const seen = outages[kind];
      const cells = seen.length === 0 ? [['no outage', '', '']] : seen.map(outageCells);
      return cells.map((each) => [step, node, kind, ...each]);
    }),
  );
  return formatTable([['STEP', 'NODE', 'CLIENT', 'OUTAGE', 'ANSWERED BY', 'ATTEMPTS'], ...rows]);
}

/** One demo at a time; what an earlier one left, because it was killed, is removed. */
async function show(options: Options, print: (text: string) => void, signal: AbortSignal): Promise<DemoResult> {
  const machine = await readyMachine(say);
  signal.throwIfAborted();
  const work = async () => {
    await takeDown(LAB);
    try {
      const { file: files, set } = options;
      await bringUp({ name: LAB, nodes: 3, values: { files, set } }, machine, say);
      signal.throwIfAborted();
      return await perform(new LabEnvironment(LAB), print, signal);
    } finally {
      await takeDown(LAB);
      say('nothing of the demo is left on the machine');
    }
  };
  return withLock(join(cacheFolder(), 'demo.lock'), 0, say, work, 'showing the demo');
}

async function perform(lab: LabEnvironment, print: (text: string) => void, signal: AbortSignal): Promise<DemoResult> {
  const { address, nodes } = lab;
  const run = new DemoRun(lab, { signal, say });
  const steps: DemoStep[] = [];
  try {
    const holder = await run.holder();
    print(`${address} is on ${holder}, one of ${nodes.join(', ')}; a client opens a connection every 5 ms`);
    await run.start();
    for (const [fault, well] of ACTS) {
      const broken = await run.break(fault);
      print(formatTimeline(broken));
      const repaired = await run.repair(fault, broken.node);
      print(`${broken.node} ${well}; the address is on ${repaired.holderAfter}\n`);
      steps.push(broken, repaired);
    }
    return { address, nodes, steps, problems: judge(steps) };
  } finally {
    await run.stop();
  }
}

async function main(options: Options): Promise<void> {
  const print = (text: string): void => void (options.json || process.stdout.write(`${text}\n`));
  const begin = performance.now();
  const result = await interruptible((signal) => show(options, print, signal), say);
  const table = `${formatOutages(result)}\n\n${((performance.now() - begin) / 1000).toFixed(0)} s in all`;
  process.stdout.write(`${options.json ? JSON.stringify(result, undefined, 2) : table}\n`);
  for (const problem of result.problems) {
    say(`ERROR: ${problem}`);
    process.exitCode = 1;
  }
}

const program = new Command('demo')
  .description('The ingress of the node that holds the address dies, and clients are served by another node at once.')
  .option('--json', 'print the result as JSON')
  .action(main);
await runCommand(valueOptions(program));
