import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { CommandError } from '../support/main.ts';
import { replaceFile } from '../support/replace-file.ts';
import { type LicensedPackage, licenceInReadme, licenceText, packagesIn, together, withoutTexts } from './licences.ts';

/** The programs that are bundled, by the names of their files in `dist`. */
export const BUNDLES = ['sidecar', 'controller'] as const;
export type Bundle = (typeof BUNDLES)[number];

const LIMIT_MS = 60_000;
const ROOT = path.resolve(import.meta.dirname, '../..');
const DIST = path.join(ROOT, 'dist');
const TITLE = 'Packages of the npm registry that are part of sidecar.cjs and controller.cjs, and their licences.';

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

/**
 * Says what each bundle is made of, after a build: a CycloneDX document beside it, `dist/<bundle>.cdx.json`, validated, and the same for
 * the same bundle; and one file with the licences of all, `dist/third-party-licences.txt`. Both go into the image.
 * @returns the packages of each bundle
 * @throws CommandError when a package has no licence, or no text of it
 */
export async function describeBundles(): Promise<Readonly<Record<Bundle, readonly LicensedPackage[]>>> {
  const [sidecar, controller] = await Promise.all([describeBundle('sidecar'), describeBundle('controller')]);
  await replaceFile(path.join(DIST, 'third-party-licences.txt'), licenceText(TITLE, together(sidecar, controller)));
  return { sidecar, controller };
}

async function describeBundle(bundle: Bundle): Promise<LicensedPackage[]> {
  const output = path.join(DIST, `${bundle}.cdx.json`);
  const temporary = `${output}.${process.pid}.new`;
  const words = ['--gather-license-texts', '--output-reproducible', '--validate', '--output-file', temporary];
  await execa('cyclonedx-esbuild', [...words, path.join(DIST, `${bundle}.meta.json`)], {
    cwd: ROOT,
    preferLocal: true,
    stdin: 'ignore',
    timeout: LIMIT_MS,
  }).catch((error: Error) => {
    throw new CommandError(`the packages of ${bundle} cannot be listed: ${error.message}`);
  });
  const text = await readFile(temporary, 'utf8');
  await rm(temporary);
  // The texts are in a file of their own.
  await replaceFile(output, withoutTexts(text));
  return Promise.all(packagesIn(text).map(withReadme));
}

/** Some packages have their licence in their README only. */
async function withReadme(each: LicensedPackage): Promise<LicensedPackage> {
  if (each.texts.length > 0) return each;
  const { packages } = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as Lockfile;
  const place = Object.entries(packages).find(
    ([where, { version }]) => where.endsWith(`node_modules/${each.name}`) && version === each.version,
  )?.[0];
  const readme = await readFile(path.join(ROOT, place ?? '', 'README.md'), 'utf8').catch(() => '');
  const text = place === undefined ? undefined : licenceInReadme(readme);
  return text === undefined ? each : { ...each, texts: [text] };
}
