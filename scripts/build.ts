import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { runMain } from './support/main.ts';

const root = path.resolve(import.meta.dirname, '..');

/** A program of the product: bundled into one file, with a source map beside it. */
interface Program {
  readonly entry: string;
  readonly output: string;
  /** The name by which it knows its version. */
  readonly versionName: string;
}

const PROGRAMS: readonly Program[] = [
  { entry: 'sidecar/main.ts', output: 'dist/sidecar.cjs', versionName: 'SIDECAR_VERSION' },
  { entry: 'controller/main.ts', output: 'dist/controller.cjs', versionName: 'CONTROLLER_VERSION' },
];

/**
 * Bundles a program into one file.
 * CommonJS, because express and its parts are: an ES module bundle would need a shim for `require`.
 * @returns size of the bundle in bytes
 */
async function buildProgram({ entry, output, versionName }: Program): Promise<number> {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: output,
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
    write: false,
  });
  await mkdir(path.join(root, 'dist'), { recursive: true });
  // Renamed in place: a lab may be starting a program from it at this moment.
  for (const file of result.outputFiles) {
    const temporary = `${file.path}.${process.pid}.new`;
    await writeFile(temporary, file.contents);
    await rename(temporary, file.path);
  }
  return result.outputFiles.find((file) => file.path.endsWith('.cjs'))?.contents.byteLength ?? 0;
}

/** Bundles the sidecar and the controller, and says how large they became. */
export async function buildAndReport(): Promise<void> {
  for (const program of PROGRAMS) {
    const started = performance.now();
    const bytes = await buildProgram(program);
    const milliseconds = Math.round(performance.now() - started);
    process.stderr.write(`build: ${program.output} ${(bytes / 1024 / 1024).toFixed(2)} MiB in ${milliseconds} ms\n`);
  }
}

runMain(import.meta.main, 'build', buildAndReport);
