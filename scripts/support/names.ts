import { parseArgs } from 'node:util';
import { CommandError } from './main.ts';

/** What a script that takes names knows of its command line. */
interface NamesOptions<Name extends string> {
  /** What one is called in messages. */
  readonly what: string;
  readonly known: readonly Name[];
  /** What is meant when none is given. */
  readonly usual: readonly Name[];
  readonly usage: string;
}

/**
 * Reads the command line of a script that takes names and nothing else; prints the usage when asked for help.
 * @param options which names there are
 * @param args the command line, by default this process'
 * @returns the names given, or the usual ones; none when help was asked for
 * @throws CommandError with the names that are not known, and the usage
 */
export function readNames<Name extends string>(
  { what, known, usual, usage }: NamesOptions<Name>,
  args: readonly string[] = process.argv.slice(2),
): readonly Name[] {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return [];
  }
  const isKnown = (name: string): name is Name => known.some((each) => each === name);
  const unknown = positionals.filter((name) => !isKnown(name));
  if (unknown.length > 0) throw new CommandError(`unknown ${what} ${unknown.join(', ')}\n\n${usage}`);
  return positionals.length > 0 ? positionals.filter(isKnown) : usual;
}
