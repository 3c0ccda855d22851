import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { runMain } from './support/main.ts';

const root = path.resolve(import.meta.dirname, '..');
const OUTPUT = 'dist/sidecar.cjs';

/**
 * Bundles the sidecar into one file, `dist/sidecar.cjs`, with a source map beside it.
 * CommonJS, because express and its parts are: an ES module bundle would need a shim for `require`.
 * @returns size of the bundle in bytes
 */
async function buildSidecar(): Promise<number> {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['sidecar/main.ts'],
    outfile: OUTPUT,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    sourcemap: 'external',
    legalComments: 'none',
    define: { SIDECAR_VERSION: JSON.stringify(version) },
    logLevel: 'silent',
    write: false,
  });
  await mkdir(path.join(root, 'dist'), { recursive: true });
  // Renamed in place: a lab may be starting a sidecar from it at this moment.
  for (const file of result.outputFiles) {
    const temporary = `${file.path}.${process.pid}.new`;
    await writeFile(temporary, file.contents);
    await rename(temporary, file.path);
  }
  return result.outputFiles.find((file) => file.path.endsWith('.cjs'))?.contents.byteLength ?? 0;
}

/** Bundles the sidecar and says how large it became. */
export async function buildAndReport(): Promise<void> {
  const started = performance.now();
  const bytes = await buildSidecar();
  const milliseconds = Math.round(performance.now() - started);
  process.stderr.write(`build: ${OUTPUT} ${(bytes / 1024 / 1024).toFixed(2)} MiB in ${milliseconds} ms\n`);
}

runMain(import.meta.main, 'build', buildAndReport);
