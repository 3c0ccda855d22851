import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Metafile } from 'esbuild';
import { describeBundles } from './supply/bundles.ts';
import { runMain } from './support/main.ts';
import { replaceFile } from './support/replace-file.ts';

const root = path.resolve(import.meta.dirname, '..');

/** A program of the product: bundled into one file, with a source map beside it. */
interface Program {
  readonly entry: string;
  /** Name of the bundle. */
  readonly file: string;
  /** The name by which it knows its version. */
  readonly versionName: string;
}

/** The program beside keepalived on each node. */
export const SIDECAR: Program = { entry: 'sidecar/main.ts', file: 'sidecar.cjs', versionName: 'SIDECAR_VERSION' };
/** The program that plans pools. */
export const CONTROLLER: Program = {
  entry: 'controller/main.ts',
  file: 'controller.cjs',
  versionName: 'CONTROLLER_VERSION',
};
const OUTPUT = path.join(root, 'dist');

/**
 * Bundles a program into one file.
 * CommonJS, because express and its parts are: an ES module bundle would need a shim for `require`.
 * @param folder where it is put; made if there is none
 * Beside it lies, as `<name>.meta.json`, what it was made of.
 * @returns size of the bundle in bytes
 */
export async function buildProgram({ entry, file, versionName }: Program, folder: string): Promise<number> {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: path.join(folder, file),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    sourcemap: 'external',
    legalComments: 'none',
    loader: { '.html': 'text' },
    define: { [versionName]: JSON.stringify(version) },
    logLevel: 'silent',
    metafile: true,
    write: false,
  });
  await mkdir(folder, { recursive: true });
  // Renamed in place: a lab may be starting a program from it at this moment.
  for (const made of result.outputFiles) await replaceFile(made.path, made.contents);
  await replaceFile(path.join(folder, file.replace('.cjs', '.meta.json')), JSON.stringify(result.metafile));
  return result.outputFiles.find((made) => made.path.endsWith('.cjs'))?.contents.byteLength ?? 0;
}

/** Bundles the sidecar and the controller, and says how large they became. */
export async function buildAndReport(): Promise<void> {
  for (const program of [SIDECAR, CONTROLLER]) {
    const started = performance.now();
    const bytes = await buildProgram(program, OUTPUT);
    const milliseconds = Math.round(performance.now() - started);
    process.stderr.write(`build: dist/${program.file} ${(bytes / 1024 / 1024).toFixed(2)} MiB in ${milliseconds} ms\n`);
  }
}

/** Bundles what is older than something it was made of; many that start the programs one after the other make them once. */
export async function ensureBundles(): Promise<void> {
  const fresh = await Promise.all([SIDECAR, CONTROLLER].map((program) => isFresh(path.join(OUTPUT, program.file))));
  if (!fresh.every(Boolean)) await buildAndReport();
}

/** Whether a bundle is younger than all its sources, and than what says how it is made. */
async function isFresh(bundle: string): Promise<boolean> {
  try {
    const { inputs } = JSON.parse(await readFile(bundle.replace('.cjs', '.meta.json'), 'utf8')) as Metafile;
    const sources = [...Object.keys(inputs).filter(isFile), 'package.json', 'package-lock.json', 'scripts/build.ts'];
    const { mtimeMs: madeMs } = await stat(bundle);
    const changed = await Promise.all(sources.map(async (file) => (await stat(path.join(root, file))).mtimeMs));
    return changed.every((changedMs) => changedMs < madeMs);
  } catch {
    return false; // something is not there: it was never bundled, or a source is gone
  }
}

/** What the bundler put in itself has a name in brackets. */
function isFile(input: string): boolean {
  return !/^[(<]/.test(input);
}

/** Bundles, and says what the bundles are made of: what goes into the sidecar's image. */
export async function buildForImage(): Promise<void> {
  await buildAndReport();
  await describeBundles();
}

runMain(import.meta.main, 'build', async () => {
  const { values } = parseArgs({ options: { describe: { type: 'boolean', default: false } } });
  await (values.describe ? buildForImage() : buildAndReport());
});
