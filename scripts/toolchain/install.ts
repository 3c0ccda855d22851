import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { GoSource, PythonSource, SchemaSource, Tool } from './catalogue.ts';
import { findOnPath } from './files.ts';
import { npmRecipe } from './npm-package.ts';
import { pinnedGoVersion, pinnedPythonVersion, requiredGo } from './pins.ts';
import { type Log, runStep, ToolError } from './progress.ts';
import { fingerprint, type Recipe } from './recipe.ts';
import { compareVersions, parseVersion } from './version.ts';

const GO_LIMIT_SECONDS = 45 * 60;
const PIP_LIMIT_SECONDS = 10 * 60;
const REQUIREMENTS = 'tools/python/requirements.txt';
const NO_VERSION = 'v0.0.0';
const SCHEMA_REQUIREMENTS = 'tools/python/schemas.txt';

/**
 * How a tool is installed at its pinned version.
 * @param root folder of the checkout, which holds the pins
 */
export async function recipeFor(tool: Tool, root: string): Promise<Recipe> {
  switch (tool.source.kind) {
    case 'go':
      return goRecipe(tool.command, tool.source, root);
    case 'npm':
      return npmRecipe(tool.command, tool.source, root);
    case 'python':
      return pythonRecipe(tool.source, root);
    case 'schemas':
      return schemaRecipe(tool.source, root);
  }
}

async function goRecipe(command: string, source: GoSource, root: string): Promise<Recipe> {
  const directory = path.join(root, source.directory);
  const goMod = await readFile(path.join(directory, 'go.mod'), 'utf8');
  // Without a module of others there are no checksums, and no version but that of the code, which the key has.
  const goSum = source.module === null ? '' : await readFile(path.join(directory, 'go.sum'), 'utf8');
  const version = source.module === null ? NO_VERSION : pinnedGoVersion(goMod, source.module);
  const linkerFlags = ['-s', '-w', ...source.linkerFlags(version)].join(' ');
  const pins = [goMod, goSum, linkerFlags, process.platform, process.arch];
  const own = [
    ...(await goFiles(directory)),
    ...(source.static ? ['static'] : []),
    ...(source.test ? ['test'] : []),
    ...(source.samePins ? [source.package] : []),
    ...(source.aliases ?? []),
  ];
  return {
    key: `${path.basename(source.directory)}-${version}-${fingerprint(...pins, ...own)}`,
    version,
    obstacle: () => goObstacle(requiredGo(goMod), directory),
    install: async (folder, log) => {
      const bin = path.join(folder, 'bin');
      await mkdir(bin);
      const flags = ['-trimpath', '-buildvcs=false', '-ldflags', linkerFlags, '-o', path.join(bin, command)];
      await runStep(
        {
          label: `${path.basename(source.directory)} ${version}: building with go`,
          // It takes all processors for minutes: whatever else the machine does goes first.
          command: 'nice',
          arguments: [
            '-n',
            '19',
            'go',
            ...(source.test ? ['test', '-c', '-vet=off'] : ['build']),
            ...flags,
            source.package,
          ],
          directory,
          environment: {
            GOFLAGS: '-mod=readonly',
            GOWORK: 'off',
            GOOS: '',
            GOARCH: '',
            ...(source.static ? { CGO_ENABLED: '0' } : {}),
          },
          limitSeconds: GO_LIMIT_SECONDS,
        },
        log,
      );
      for (const alias of source.aliases ?? []) await symlink(command, path.join(bin, alias));
    },
  };
}

/** The Go code of the project's own in a folder of `tools/`: names and texts. */
async function goFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.go')).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(directory, name), 'utf8')));
  return [...names, ...texts];
}

async function goObstacle(needed: string, directory: string): Promise<string | undefined> {
  const said = await execa('go', ['env', 'GOVERSION'], { cwd: directory, reject: false, stdin: 'ignore' });
  if (said.code === 'ENOENT') return `Go is missing; install Go ${needed} or newer`;
  const found = parseVersion(said.stdout.replace('go', ''));
  const minimum = parseVersion(needed);
  if (said.failed || found === undefined || minimum === undefined || compareVersions(found, minimum) < 0) {
    return `Go ${needed} or newer is needed (${said.failed ? said.stderr.trim() : said.stdout}); install it`;
  }
  return undefined;
}

async function pythonRecipe(source: PythonSource, root: string): Promise<Recipe> {
  const requirements = await readFile(path.join(root, REQUIREMENTS), 'utf8');
  return {
    key: `python-${fingerprint(requirements, process.platform, process.arch)}`,
    version: pinnedPythonVersion(requirements, source.package),
    obstacle: pythonObstacle,
    install: async (folder, log) => {
      await createEnvironment(folder, log);
      await pip(
        folder,
        ['install', '--require-hashes', '--only-binary', ':all:', '-r', path.join(root, REQUIREMENTS)],
        'Python tools: installing',
        log,
      );
    },
  };
}

async function schemaRecipe(source: SchemaSource, root: string): Promise<Recipe> {
  const requirements = await readFile(path.join(root, SCHEMA_REQUIREMENTS), 'utf8');
  const converter = await readFile(path.join(import.meta.dirname, 'schemas.ts'), 'utf8');
  return {
    key: `schemas-${fingerprint(requirements, converter)}`,
    version: pinnedPythonVersion(requirements, source.package),
    obstacle: pythonObstacle,
    install: async (folder, log) => {
      const work = await mkdtemp(path.join(folder, 'work-'));
      await createEnvironment(path.join(work, 'venv'), log);
      const wheels = path.join(work, 'wheels');
      const download = [
        'download',
        '--no-deps',
        '--require-hashes',
        '--only-binary',
        ':all:',
        '-d',
        wheels,
        '-r',
        path.join(root, SCHEMA_REQUIREMENTS),
      ];
      await pip(path.join(work, 'venv'), download, 'Kubernetes schemas: fetching', log);
      await unpackSchemas(work, wheels, folder, log);
      await rm(work, { recursive: true });
    },
  };
}

async function unpackSchemas(work: string, wheels: string, target: string, log: Log): Promise<void> {
  const [wheel] = await readdir(wheels);
  if (wheel === undefined) throw new ToolError('Kubernetes schemas: pip fetched nothing');
  await runStep(
    {
      label: 'Kubernetes schemas: unpacking',
      command: 'python3',
      arguments: ['-m', 'zipfile', '-e', path.join(wheels, wheel), path.join(work, 'wheel')],
      directory: work,
      limitSeconds: PIP_LIMIT_SECONDS,
    },
    log,
  );
  const { convertSchemas } = await import('./schemas.ts');
  await convertSchemas(path.join(work, 'wheel/kubernetes_validate/kubernetes-json-schema'), target);
}

async function pythonObstacle(): Promise<string | undefined> {
  const [python] = await findOnPath('python3', process.env.PATH ?? '');
  if (python === undefined) return 'Python is missing; as root: apt-get install python3-venv';
  const has = await execa(python, ['-c', 'import ensurepip, venv'], { reject: false, stdin: 'ignore' });
  return has.failed ? 'Python cannot make virtual environments; as root: apt-get install python3-venv' : undefined;
}

async function createEnvironment(folder: string, log: Log): Promise<void> {
  await runStep(
    {
      label: 'Python: making a virtual environment',
      command: 'python3',
      arguments: ['-m', 'venv', folder],
      directory: path.dirname(folder),
      limitSeconds: PIP_LIMIT_SECONDS,
    },
    log,
  );
}

async function pip(environment: string, command: readonly string[], label: string, log: Log): Promise<void> {
  await runStep(
    {
      label,
      command: path.join(environment, 'bin/pip'),
      arguments: [...command, '--disable-pip-version-check', '--no-input', '--quiet'],
      directory: environment,
      limitSeconds: PIP_LIMIT_SECONDS,
    },
    log,
  );
}
