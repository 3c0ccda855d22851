import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { CommandError, runMain } from './support/main.ts';
import { withMarkedPart } from './support/marked-part.ts';
import { FLOORS } from './walls/floors.ts';
import { ROOMS } from './walls/rooms.ts';

const USAGE = `Writes the rooms, the floors of the tests and the pictures of who imports whom into docs/architecture.md.

usage: npm run generate, or npm run generate:check

  --check  write nothing; fail if the page is not current`;

const FILE = 'docs/architecture.md';
const PROGRAMS = ['sidecar', 'controller'] as const;
const LIMIT_MS = 60_000;
/** Tests, and the files that know all parts because they put them together: they would be a line to everything. */
const LEFT_OUT = '[.]test[.]ts$|/testing/|^(sidecar/(main|sidecar)|controller/(main|controller))[.]ts$';
const root = path.resolve(import.meta.dirname, '..');

/** What each room is for, as a table. Pure. */
function roomsTable(): string {
  const rows = ROOMS.map(({ room, what }) => `| \`${room}\` | ${what.replaceAll('|', '\\|')} |`);
  return ['| Room | What it is for |', '| --- | --- |', ...rows].join('\n');
}

/** The floors of what only tests use, the lowest first, as a table. Pure. */
function floorsTable(): string {
  const rows = FLOORS.map(({ folders, what }) => {
    return `| ${folders.map((folder) => `\`${folder}\``).join(', ')} | ${what} |`;
  });
  return ['| Folders | What they are for |', '| --- | --- |', ...rows].join('\n');
}

/** Who imports whom among the rooms of a program, as dependency-cruiser draws it in Mermaid. */
async function picture(program: (typeof PROGRAMS)[number]): Promise<string> {
  const { stdout } = await execa(
    'depcruise',
    [
      ...['--config', '.dependency-cruiser.cjs', '--progress', 'none', '--output-type', 'mermaid'],
      ...['--include-only', `^(api|common|${program})/`, '--exclude', LEFT_OUT],
      ...['--collapse', '^(api|common|[a-z]+/[a-z-]+)'],
      ...['api', 'common', program],
    ],
    { cwd: root, preferLocal: true, stdin: 'ignore', timeout: LIMIT_MS },
  );
  return `\`\`\`mermaid\n${stdout.trim()}\n\`\`\``;
}

runMain(import.meta.main, 'architecture', async () => {
  const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const before = await readFile(path.join(root, FILE), 'utf8');
  let page = withMarkedPart(before, { file: FILE, name: 'rooms', body: roomsTable() });
  page = withMarkedPart(page, { file: FILE, name: 'floors', body: floorsTable() });
  for (const program of PROGRAMS) {
    page = withMarkedPart(page, { file: FILE, name: `imports of the ${program}`, body: await picture(program) });
  }
  if (page === before) return;
  if (flags.check === true) throw new CommandError(`${FILE} is not current; run: npm run generate`);
  await writeFile(path.join(root, FILE), page);
});
