import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildAndReport } from './build.ts';
import { describeBundles } from './supply/bundles.ts';
import { licenceTable } from './supply/licences.ts';
import { CommandError, runMain } from './support/main.ts';

const USAGE = `Writes chart/THIRD-PARTY.md: the packages that the programs of the sidecar's image are bundled with, and their licences.

usage: npm run generate, or npm run generate:check

  --check  write nothing; fail if the page is not current`;

const FILE = path.resolve(import.meta.dirname, '../chart/THIRD-PARTY.md');

/** The page. @param table Markdown */
function page(table: string): string {
  return `# What the images have of others

<!-- Written by npm run generate. -->

keepalived-ingress-vip is under the Apache License 2.0. Its images carry the programs of others, and each image has the texts of all their licences, below
\`/usr/share/doc\`:

| in the image | of | licences |
|---|---|---|
| \`keepalived\` | Debian's packages, and keepalived and curl built from Debian's sources | \`/usr/share/doc/<package>/copyright\`, one for each package; names and versions in \`/var/lib/dpkg/status.d\` |
| \`sidecar\` | Node.js and what it is made of | \`/usr/share/doc/node/copyright\` |
| \`sidecar\` | the libraries of Debian that Node is linked with | \`/usr/share/doc/<package>/copyright\` |
| \`sidecar\` | the packages of the npm registry below | \`/usr/share/doc/keepalived-ingress-vip/third-party-licences.txt\` |

Versions of Debian's packages are those of the day on which an image is built. \`npm run sbom\` lists all that is in each image, with versions and licences, as CycloneDX and as SPDX.

## Packages of the npm registry

\`sidecar\` runs on every node, \`controller\` where there are pools; both are in the sidecar's image. The list has what is in the two files, and no more.

${table}
`;
}

runMain(import.meta.main, 'third-party', async () => {
  const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (flags.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  await buildAndReport();
  const packages = await describeBundles();
  const current = page(licenceTable(Object.entries(packages).map(([name, list]) => ({ in: name, packages: list }))));
  if (current === (await readFile(FILE, 'utf8').catch(() => ''))) return;
  if (flags.check === true) throw new CommandError('chart/THIRD-PARTY.md is not current; run: npm run generate');
  await writeFile(FILE, current);
});
