import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { ToolError } from '../toolchain/progress.ts';
import { ensureTool, toolEnvironment } from '../tools.ts';
import { addUp, junitSummary, type Summary, vitestSummary } from './summary.ts';

const VITEST_LIMIT_MS = 70 * 60_000;
const CHART_LIMIT_MS = 10 * 60_000;
const FAILURE: Summary = { passed: 0, failed: 1, skipped: 0, failures: [], skippedNames: [], repeatedNames: [] };
const root = path.resolve(import.meta.dirname, '../..');

/**
 * Runs vitest, its output shown as it comes. Never rejects for a failed test; a run that broke off counts as one failure.
 * @param signal ends it early
 */
export async function runVitest(
  projects: readonly string[],
  more: readonly string[],
  signal?: AbortSignal,
): Promise<Summary> {
  return withReport(async (report) => {
    const result = await execa(
      'vitest',
      [
        'run',
        ...projects.map((project) => `--project=${project}`),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...more,
      ],
      {
        cwd: root,
        preferLocal: true,
        env: toolEnvironment(),
        reject: false,
        stdin: 'ignore',
        stdout: 'inherit',
        stderr: 'inherit',
        timeout: VITEST_LIMIT_MS,
        ...(signal === undefined ? {} : { cancelSignal: signal }),
      },
    );
    return judged('vitest', result, await readReport(report, (text) => vitestSummary(text, root)));
  });
}

/** Runs helm-unittest on the chart. Never rejects for a failed test; a run that broke off counts as one failure. */
export async function runChartTests(): Promise<Summary> {
  const untt = await ensureTool('helm-unittest').catch((error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    process.stderr.write(`${error.message}\n`);
  });
  if (untt === undefined) return FAILURE;
  return withReport(async (report) => {
    const result = await execa(untt, ['--strict', '--color=false', '-t', 'JUnit', '-o', report, 'chart'], {
      cwd: root,
      reject: false,
      stdin: 'ignore',
      stdout: 'inherit',
      stderr: 'inherit',
      timeout: CHART_LIMIT_MS,
    });
    return judged('helm-unittest', result, await readReport(report, junitSummary));
  });
}

/**
 * What a run came to. A runner that failed although its report counts no failure failed all the same: a stray rejection, a time limit,
 * no test found.
 * @param read what its report says; undefined when it wrote none
 * @param say takes one line for the person at the terminal
 */
export function judged(
  runner: string,
  result: { readonly failed: boolean; readonly exitCode?: number | undefined },
  read: Summary | undefined,
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Summary {
  const summary = read ?? FAILURE;
  if (read === undefined) say(`${runner} wrote no report`);
  if (!result.failed || summary.failed > 0) return summary;
  say(`${runner} failed (exit ${result.exitCode ?? 'by a signal or the time limit'}) without a failed test`);
  return addUp([summary, FAILURE]);
}

async function readReport(report: string, parse: (text: string) => Summary): Promise<Summary | undefined> {
  return readFile(report, 'utf8').then(parse, () => undefined);
}

async function withReport(work: (report: string) => Promise<Summary>): Promise<Summary> {
  const folder = await mkdtemp(path.join(tmpdir(), 'test-report-'));
  try {
    return await work(path.join(folder, 'report'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
