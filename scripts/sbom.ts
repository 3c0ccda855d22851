import path from 'node:path';
import { parseArgs } from 'node:util';
import { PRODUCT_IMAGES } from './images/catalogue.ts';
import { defaultTag } from './images/plan.ts';
import { ensureImageArchives } from './images.ts';
import { writeImageBom } from './supply/sbom.ts';
import { runMain } from './support/main.ts';
import type { Log } from './toolchain/progress.ts';

const USAGE = `Writes what each image is made of, as CycloneDX and as SPDX, into dist/sbom/. Builds the images where something has changed.

usage: npm run sbom`;

const FOLDER = path.resolve(import.meta.dirname, '../dist/sbom');

runMain(import.meta.main, 'sbom', async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const log: Log = (line) => process.stderr.write(`sbom: ${line}\n`);
  const archives = await ensureImageArchives(log);
  for (const { name } of PRODUCT_IMAGES) {
    const archive = archives.find(({ ref }) => ref.includes(`/${name}:`))?.archive ?? '';
    const { cyclonedx, spdx } = await writeImageBom({ archive, name, version: await defaultTag() }, FOLDER, log);
    process.stdout.write(`${cyclonedx}\n${spdx}\n`);
  }
});
