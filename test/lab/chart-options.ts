import type { Command } from 'commander';

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** Gives a command the options with which helm takes values: `-f` and `--set`. */
export function valueOptions(command: Command): Command {
  return command
    .option('-f, --file <values.yaml>', 'values file for the chart; may be given several times', collect, [])
    .option('--set <key=value>', 'a value for the chart; may be given several times', collect, []);
}
