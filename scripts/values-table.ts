import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMap, isScalar, type Node, type Pair, parseDocument, visit } from 'yaml';
import { CommandError, runMain } from './support/main.ts';
import { withMarkedPart } from './support/marked-part.ts';

const USAGE = `Writes the table of values into chart/README.md, from chart/values.yaml and its comments.

usage: npm run generate, or npm run generate:check

  --check  write nothing; fail if the table is not current`;

const DESCRIPTION = /^\s*--\s+(.*)$/;
const LONGEST_DEFAULT = 100;

/** A value of the chart: its path (`pod.replicas`), its default as it is written, and what its comment says. */
export interface ChartValue {
  readonly path: string;
  readonly default: string;
  readonly description: string;
}

/** Values of a chart, and the paths of those that have no description. */
export interface ChartValues {
  readonly values: readonly ChartValue[];
  readonly undescribed: readonly string[];
}

/**
 * Reads the values out of a values.yaml. A value is a key with a comment `# -- description` above it, whatever is below it; a map without
 * such a comment is a group of values; anything else without one is undescribed.
 * @throws CommandError if the text is not YAML
 */
export function readValues(text: string): ChartValues {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new CommandError(`values.yaml is not YAML: ${problem.message}`);
  const values: ChartValue[] = [];
  const undescribed: string[] = [];
  visit(document, {
    Pair(_, pair, ancestors) {
      const name = [...ancestors.filter(isPairNode), pair].map(keyOf).join('.');
      const description = descriptionOf(pair, ancestors);
      if (description !== undefined) {
        values.push({ path: name, default: defaultOf(pair.value), description });
        return visit.SKIP;
      }
      if (isMap(pair.value) && pair.value.items.length > 0) return undefined;
      undescribed.push(name);
      return visit.SKIP;
    },
  });
  return { values, undescribed };
}

function isPairNode(node: unknown): node is Pair {
  return typeof node === 'object' && node !== null && 'key' in node && 'value' in node;
}

function keyOf(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key);
}

/** The parser gives the comment above the first key of a map to the map, above any other to the key. */
function descriptionOf(pair: Pair, ancestors: readonly unknown[]): string | undefined {
  const parent = ancestors.at(-1);
  const first = isMap(parent) && parent.items[0] === pair;
  const key = isScalar(pair.key) ? pair.key.commentBefore : undefined;
  const comment = key ?? (first ? (parent.commentBefore ?? undefined) : undefined);
  const line = comment?.split('\n').at(-1) ?? '';
  return DESCRIPTION.exec(line)?.[1]?.trim();
}

/** Short defaults as JSON; a long one is best read in the file itself. */
function defaultOf(value: unknown): string {
  const plain = (value as Node | null)?.toJSON() ?? null;
  const text = JSON.stringify(plain);
  return text.length > LONGEST_DEFAULT ? 'see values.yaml' : `\`${text}\``;
}

/** The table as Markdown, one line per value. */
export function renderTable(values: readonly ChartValue[]): string {
  const rows = values.map(({ path: name, default: standard, description }) => [`\`${name}\``, description, standard]);
  const lines = [['Value', 'Description', 'Default'], ['---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

runMain(import.meta.main, 'values-table', async () => {
  const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const chart = path.resolve(import.meta.dirname, '../chart');
  const { values, undescribed } = readValues(await readFile(path.join(chart, 'values.yaml'), 'utf8'));
  if (undescribed.length > 0) {
    throw new CommandError(`chart/values.yaml: no "# -- description" above ${undescribed.join(', ')}`);
  }
  const file = path.join(chart, 'README.md');
  const readme = await readFile(file, 'utf8');
  const current = withMarkedPart(readme, { file: 'chart/README.md', name: 'values', body: renderTable(values) });
  if (current === readme) return;
  if (flags.check === true)
    throw new CommandError('the table in chart/README.md is not current; run: npm run generate');
  await writeFile(file, current);
});
