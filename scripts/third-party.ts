import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildAndReport } from './build.ts';
import { describeBundles } from './supply/bundles.ts';
import { licenceTable } from './supply/licences.ts';
import { debianPart, thirdPartyPage } from './supply/page.ts';
import { CommandError, runMain } from './support/main.ts';

const USAGE = `Writes chart/THIRD-PARTY.md: the packages that the programs of the sidecar's image are bundled with, and their licences.
The part about Debian's packages is written by npm run sbom -- --write.

usage: npm run generate, or npm run generate:check

  --check  write nothing; fail if the page is not current`;

const FILE = path.resolve(import.meta.dirname, '../chart/THIRD-PARTY.md');

runMain(import.meta.main, 'third-party', async () => {
  const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  await buildAndReport();
  const packages = await describeBundles();
  const before = await readFile(FILE, 'utf8').catch(() => '');
  const table = licenceTable(Object.entries(packages).map(([name, list]) => ({ in: name, packages: list })));
  const current = thirdPartyPage(table, debianPart(before));
  if (current === before) return;
  if (flags.check === true) throw new CommandError('chart/THIRD-PARTY.md is not current; run: npm run generate');
  await writeFile(FILE, current);
});
