import { isCi } from '../support/steps.ts';
import { closingLine, type Summary } from './summary.ts';

/**
 * Says what a run came to, and fails the process where it must; the closing line is the last thing on standard output. What was skipped,
 * what failed and what was done again is named before.
 */
export function report(summary: Summary): void {
  const skipsFail = isCi() && summary.skipped > 0;
  for (const name of summary.skippedNames)
    process.stderr.write(`SKIPPED${skipsFail ? ' (a failure, CI is set)' : ''}: ${name}\n`);
  for (const failure of summary.failures) process.stderr.write(`FAILED: ${failure}\n`);
  for (const line of repeatedLines(summary)) process.stderr.write(`${line}\n`);
  if (summary.failed > 0 || skipsFail || summary.passed === 0) process.exitCode = 1;
  process.stdout.write(`${closingLine(summary)}\n`);
}

/** What is said of tests that were done again; nothing where there are none. Pure. */
export function repeatedLines({ repeatedNames }: Pick<Summary, 'repeatedNames'>): string[] {
  if (repeatedNames.length === 0) return [];
  return [
    `tests done again because the machine stood still while they failed: ${repeatedNames.length}`,
    ...repeatedNames.map((name) => `REPEATED: ${name}`),
  ];
}
