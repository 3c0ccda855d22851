import { parseArgs } from 'node:util';
import { buildAndReport } from './build.ts';
import { ensureSystem } from './prepare.ts';
import { CommandError, runMain } from './support/main.ts';
import { isCi, step } from './support/steps.ts';
import { report } from './testing/report.ts';
import { runChartTests, runVitest } from './testing/runners.ts';
import { addUp, type Summary } from './testing/summary.ts';
import type { ToolName } from './toolchain/catalogue.ts';
import { ensureTools } from './tools.ts';

const KINDS = ['unit', 'integration', 'chart'] as const;
type Kind = (typeof KINDS)[number];

const USAGE = `Runs the tests, and installs and builds what they need first.

usage: npm test [-- --only ${KINDS.join('|')}]… [-- <vitest arguments>]

The last line is "N passed, N failed, N skipped". With CI set, a skipped test is a failure.`;

/** The tools that tests call; linters are not among them. */
const TOOLS: Readonly<Record<Kind, readonly ToolName[]>> = {
  unit: ['helm', 'promtool'],
  integration: ['helm', 'promtool', 'shellcheck', 'kubeconform', 'schemas', 'syft'],
  chart: ['helm-unittest'],
};

/** The projects of vitest.config.ts that a kind is. */
const PROJECTS: Readonly<Record<Kind, readonly string[]>> = {
  unit: ['unit'],
  integration: ['integration-parallel', 'integration-waiting', 'integration'],
  chart: [],
};

interface Arguments {
  readonly kinds: readonly Kind[];
  readonly vitest: readonly string[];
}

function readArguments(): Arguments | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' }, only: { type: 'string', multiple: true } },
  });
  if (values.help) return undefined;
  const asked = values.only ?? [];
  const unknown = asked.filter((kind) => !(KINDS as readonly string[]).includes(kind));
  if (unknown.length > 0) throw new CommandError(`unknown kind of test ${unknown.join(', ')}\n\n${USAGE}`);
  return { kinds: asked.length > 0 ? KINDS.filter((kind) => asked.includes(kind)) : KINDS, vitest: positionals };
}

/** Installs what the tests need. What cannot be had is said aloud; in CI it ends the run, elsewhere the tests that need it are skipped or fail. */
async function prepare(kinds: readonly Kind[]): Promise<void> {
  const complaints: string[] = [];
  if (kinds.some((kind) => kind !== 'chart')) {
    await ensureSystem(['tests', 'tools']).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      complaints.push(error.message);
    });
  }
  const { errors } = await ensureTools([...new Set(kinds.flatMap((kind) => TOOLS[kind]))]);
  complaints.push(...errors);
  if (complaints.length > 0 && isCi()) throw new CommandError(complaints.join('\n'));
  for (const complaint of complaints) process.stderr.write(`test: ${complaint}\n`);
}

async function runAll({ kinds, vitest }: Arguments): Promise<Summary> {
  const projects = kinds.flatMap((kind) => PROJECTS[kind]);
  const parts: Summary[] = [];
  if (kinds.includes('chart')) parts.push(await step('chart tests (helm-unittest)', runChartTests));
  if (projects.length > 0) parts.push(await step(`tests (${projects.join(', ')})`, () => runVitest(projects, vitest)));
  return addUp(parts);
}

runMain(import.meta.main, 'test', async () => {
  const asked = readArguments();
  if (asked === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  await step('what the tests need', () => prepare(asked.kinds));
  if (asked.kinds.includes('integration')) await step('bundle', buildAndReport);
  report(await runAll(asked));
});
