import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLIENT_KINDS } from '../clients/prober.ts';
import { outageCells } from '../clients/report.ts';
import { takeDown } from '../lab/down.ts';
import { readyMachine } from '../lab/machine.ts';
import { LABS_DIRECTORY } from '../lab/names.ts';
import { bringUp } from '../lab/up.ts';
import { reportFailure } from '../support/command-line.ts';
import { interruptible } from '../support/interruption.ts';
import { extendPath } from '../support/needs.ts';
import { formatTable, say } from '../support/print.ts';
import { isAlive, type ProcessRef, processRef } from '../support/processes.ts';
import { type DemoResult, DemoRun, type DemoStep } from './run.ts';

/**
 * `npm run demo`: the ingress of the node that holds the address dies, and clients are served by another node within milliseconds.
 * Leaves nothing behind, however it ends. `--json` prints the result for machines.
 */

const LAB = 'demo';
const OWNER_FILE = join(LABS_DIRECTORY, 'demo-owner.json');
const NODES = 3;

const USAGE = `usage: npm run demo [-- --json] [--set key=value]… [-f values.yaml]…`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      set: { type: 'string', multiple: true, default: [] },
      file: { type: 'string', short: 'f', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}

/** One demo at a time; what an earlier one left, because it was killed, is removed. */
async function takeStage(): Promise<void> {
  const owner = await readFile(OWNER_FILE, 'utf8').catch(() => undefined);
  const other = owner === undefined ? undefined : (JSON.parse(owner) as ProcessRef);
  if (isAlive(other)) {
    throw new Error(`another demo runs already (process ${other.pid})`);
  }
  await takeDown(LAB);
  await mkdir(LABS_DIRECTORY, { recursive: true, mode: 0o700 });
  await writeFile(OWNER_FILE, JSON.stringify(processRef(process.pid)));
}

async function leaveStage(): Promise<void> {
  await rm(OWNER_FILE, { force: true });
  await takeDown(LAB);
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

async function show(print: (text: string) => void, signal: AbortSignal): Promise<DemoResult> {
  const { set, file } = readArguments();
  const machine = await readyMachine(say);
  signal.throwIfAborted();
  await takeStage();
  try {
    const state = await bringUp({ name: LAB, nodes: NODES, values: { files: file, set } }, machine, say);
    signal.throwIfAborted();
    const run = new DemoRun(state, { signal, say });
    try {
      return await perform(run, print, {
        address: state.release.addresses[0] ?? '',
        nodes: state.nodes.map(({ name }) => name),
      });
    } finally {
      await run.stop();
    }
  } finally {
    await leaveStage();
    say('nothing of the demo is left on the machine');
  }
}

async function perform(
  run: DemoRun,
  print: (text: string) => void,
  lab: Pick<DemoResult, 'address' | 'nodes'>,
): Promise<DemoResult> {
  const steps: DemoStep[] = [];
  const holder = await run.holder();
  print(`${lab.address} is on ${holder}, one of ${lab.nodes.join(', ')}; a client opens a connection every 5 ms`);
  await run.start();

  const crash = await run.break('ingress-crash');
  steps.push(crash);
  print(formatTimeline(crash));

  const repaired = await run.repair('ingress-crash', crash.node);
  steps.push(repaired);
  print(`${crash.node} is well again; the address is on ${repaired.holderAfter}\n`);

  const cut = await run.break('link-down');
  steps.push(cut);
  print(formatTimeline(cut));

  const plugged = await run.repair('link-down', cut.node);
  steps.push(plugged);
  print(`${cut.node} is connected again; the address is on ${plugged.holderAfter}\n`);

  return { ...lab, steps, problems: judge(steps) };
}

async function main(): Promise<void> {
  const { json, help } = readArguments();
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  extendPath();
  const print = (text: string): void => void (json || process.stdout.write(`${text}\n`));
  const begin = performance.now();
  const result = await interruptible((signal) => show(print, signal), say);
  const table = `${formatOutages(result)}\n\n${((performance.now() - begin) / 1000).toFixed(0)} s in all`;
  process.stdout.write(`${json ? JSON.stringify(result, undefined, 2) : table}\n`);
  for (const problem of result.problems) {
    say(`ERROR: ${problem}`);
    process.exitCode = 1;
  }
}

await main().catch(reportFailure);
