import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { lockfileProblems } from './support/lockfile.ts';
import { CommandError, runMain } from './support/main.ts';
import { step } from './support/steps.ts';
import { ensureTool } from './tools.ts';

const LIMIT_MS = 5 * 60_000;
/** npm's own comparison, as an error. */
const ENGINES = ['ci', '--dry-run', '--offline', '--engine-strict'];
const root = path.resolve(import.meta.dirname, '..');

/** One linter, run over all that concerns it. */
interface Linter {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const LINTERS: readonly Linter[] = [
  { name: 'biome (format, style, complexity)', run: () => command('biome', ['check', '--error-on-warnings', '.']) },
  { name: 'knip (what nothing uses)', run: () => command('knip', ['--no-progress', '--treat-config-hints-as-errors']) },
  {
    name: 'dependency-cruiser (who imports whom)',
    run: () =>
      command('depcruise', ['--progress', 'none', 'api', 'common', 'controller', 'sidecar', 'scripts', 'test']),
  },
  { name: 'lockfiles', run: checkLockfiles },
  // npm ran `npm run`, so that this one runs on the Node of package.json.
  { name: 'engines (does every package run on the Node of package.json)', run: () => command('npm', ENGINES) },
  { name: 'shellcheck', run: async () => command(await ensureTool('shellcheck'), shellScripts()) },
  {
    name: 'shellcheck (supervisors, with all that they source)',
    run: async () => command(await ensureTool('shellcheck'), ['-x', '-a', ...files('images/*/supervisor')]),
  },
  {
    name: 'hadolint',
    run: async () => command(await ensureTool('hadolint'), files('{images,test}/**/Dockerfile')),
  },
];

async function command(name: string, parameters: readonly string[]): Promise<void> {
  const result = await execa(name, parameters, {
    cwd: root,
    preferLocal: true,
    reject: false,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    timeout: LIMIT_MS,
  });
  if (result.failed) throw new CommandError(result.shortMessage);
}

async function checkLockfiles(): Promise<void> {
  const read = async (name: string) => {
    const found = lockfileProblems(await readFile(path.join(root, name), 'utf8'));
    return found.map((problem) => `${name}: ${problem}`);
  };
  const problems = (await Promise.all(files('{,tools/*/}package-lock.json').map(read))).flat();
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
}

/** Scripts that are whole by themselves. A supervisor's parts use each other's functions and variables: they are checked with it. */
function shellScripts(): string[] {
  const scripts = files('{images,test}/**/*.sh').filter(
    (file) => !path.matchesGlob(file, 'images/{*/lib,supervisor}/*'),
  );
  return [...scripts, '.ci/run'];
}

/** Files that match, in a stable order; none at all is a mistake in the pattern or the tree. */
function files(pattern: string): string[] {
  const found = globSync(pattern, { cwd: root });
  if (found.length === 0) throw new CommandError(`no file matches ${pattern}`);
  return found.toSorted();
}

/** Runs every linter, also after one has found something: one run shows all there is to repair. */
runMain(import.meta.main, 'lint', async () => {
  const failed: string[] = [];
  for (const linter of LINTERS) {
    await step(linter.name, linter.run).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      process.stderr.write(`${linter.name}: ${error.message}\n`);
      failed.push(linter.name);
    });
  }
  if (failed.length > 0) throw new CommandError(`found something: ${failed.join(', ')}`);
});
