import { type Command, InvalidArgumentError } from 'commander';
import { exitCodeOf } from './interruption.ts';
import { extendPath } from './needs.ts';
import { say } from './print.ts';

/* What the command lines have in common. Results go to standard output, everything else to standard error. */

/** Prints a result: JSON for programs, else the text. */
export function print(json: boolean | undefined, content: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(content, undefined, 2) : text}\n`);
}

/** An option's value. @throws InvalidArgumentError where it is no whole number above 0 */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0 is wanted');
  return value;
}

/** A list for the end of a help text. Pure. */
export function helpTable(title: string, rows: readonly (readonly [string, string])[]): string {
  return `\n${title}:\n${rows.map(([name, what]) => `  ${name.padEnd(18)}${what}`).join('\n')}`;
}

/** Says why a command failed, and sets the exit code. */
function reportFailure(error: unknown): void {
  say(`ERROR: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = exitCodeOf(error);
}

/** Carries a command line out. Administrators' commands are found whatever PATH says. */
export async function runCommand(program: Command): Promise<void> {
  extendPath();
  await program.parseAsync().catch(reportFailure);
}
