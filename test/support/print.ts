import { now } from './clock.ts';

/** Takes one line of progress. */
export type Say = (line: string) => void;

/** Milliseconds for people: one decimal. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

/** Columns under each other, as wide as their widest cell. Pure. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** Says one line of progress on standard error, with the time. */
export function say(line: string): void {
  process.stderr.write(`${now().wall.slice(11, 23)} ${line}\n`);
}
