import { isCi } from '../support/steps.ts';
import { closingLine, type Summary } from './summary.ts';

/** Says what a run came to, and fails the process where it must; the closing line is the last thing on standard output. */
export function report(summary: Summary): void {
  const skipsFail = isCi() && summary.skipped > 0;
  for (const name of summary.skippedNames)
    process.stderr.write(`SKIPPED${skipsFail ? ' (a failure, CI is set)' : ''}: ${name}\n`);
  if (summary.failed > 0 || skipsFail || summary.passed === 0) process.exitCode = 1;
  process.stdout.write(`${closingLine(summary)}\n`);
}
