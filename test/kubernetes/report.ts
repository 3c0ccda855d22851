import { formatTable } from '../support/print.ts';
import type { SpecResult } from './run.ts';
import { shortTitle } from './specs.ts';

/** The results as a table for people. Pure. */
export function resultsTable(results: readonly SpecResult[]): string {
  const rows = results.map(({ spec, result, seconds, why = '' }) => {
    return [spec.group, shortTitle(spec), result, `${seconds.toFixed(0)} s`, why.slice(0, 90)];
  });
  return formatTable([['GROUP', 'TEST', 'RESULT', 'TIME', ''], ...rows]);
}

/** How many passed, in one line. Pure. */
export function summary(results: readonly SpecResult[]): string {
  const count = (wanted: SpecResult['result']) => results.filter(({ result }) => result === wanted).length;
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
}
