import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PRODUCT_IMAGES } from './images/catalogue.ts';
import { defaultTag } from './images/plan.ts';
import { ensureImageArchives } from './images.ts';
import { debianPackagesIn } from './supply/licences.ts';
import { debianTable, withDebianPart } from './supply/page.ts';
import { writeImageBom } from './supply/sbom.ts';
import { CommandError, runMain } from './support/main.ts';
import type { Log } from './toolchain/progress.ts';

const USAGE = `Writes what each image is made of, as CycloneDX and as SPDX, into dist/sbom/. Builds the images where something has changed.

usage: npm run sbom [-- --write]

  --write  also write the Debian packages and their licences into chart/THIRD-PARTY.md`;

const FOLDER = path.resolve(import.meta.dirname, '../dist/sbom');
const PAGE = path.resolve(import.meta.dirname, '../chart/THIRD-PARTY.md');
const log: Log = (line) => process.stderr.write(`sbom: ${line}\n`);

/** Writes the documents of every image. @returns the text of each CycloneDX document, by the image's name */
async function writeAll(): Promise<Map<string, string>> {
  const archives = await ensureImageArchives(log);
  const texts = new Map<string, string>();
  for (const { name } of PRODUCT_IMAGES) {
    const found = archives.find(({ ref }) => ref.includes(`/${name}:`));
    if (found === undefined) throw new CommandError(`there is no archive of ${name}`);
    const image = { archive: found.archive, name, version: await defaultTag() };
    const { cyclonedx, spdx } = await writeImageBom(image, FOLDER, log);
    process.stdout.write(`${cyclonedx}\n${spdx}\n`);
    texts.set(name, await readFile(cyclonedx, 'utf8'));
  }
  return texts;
}

runMain(import.meta.main, 'sbom', async () => {
  const options = { write: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values } = parseArgs({ options });
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const texts = await writeAll();
  if (values.write !== true) return;
  const images = [...texts].map(([name, text]) => ({ in: name, packages: debianPackagesIn(text) }));
  await writeFile(PAGE, withDebianPart(await readFile(PAGE, 'utf8'), debianTable(images)));
});
