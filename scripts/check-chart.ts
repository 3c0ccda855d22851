import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { definitionFiles } from './crds.ts';
import { CommandError, runMain } from './support/main.ts';
import { step } from './support/steps.ts';
import { kubeconformArguments, schemaVersions } from './toolchain/kubeconform.ts';
import { type Schema, strictJsonSchema } from './toolchain/structural-schema.ts';
import { ensureTool, toolEnvironment } from './tools.ts';

const LIMIT_MS = 5 * 60_000;
/** Resources of other projects: their schemas are neither among Kubernetes' own nor among the chart's. */
const CUSTOM_RESOURCES = 'PodMonitor,ServiceMonitor,PrometheusRule';
/** First line of values files for what only later versions have. */
const NEEDS = /^# Needs Kubernetes 1\.(\d+)$/m;
const root = path.resolve(import.meta.dirname, '..');

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

async function run(command: string, parameters: readonly string[]): Promise<string> {
  const result = await execa(command, parameters, {
    cwd: root,
    env: toolEnvironment(),
    reject: false,
    stdin: 'ignore',
    timeout: LIMIT_MS,
    all: true,
  });
  if (result.failed) throw new CommandError(`${result.shortMessage}\n${result.all}`);
  return result.stdout;
}

/** Writes strict JSON schemas of the chart's own custom resources. @returns the arguments with which kubeconform finds them */
async function ownSchemas(folder: string): Promise<string[]> {
  for (const text of definitionFiles().values()) {
    const { spec } = parse(text) as Definition;
    for (const { name, schema } of spec.versions) {
      const file = `${spec.names.kind.toLowerCase()}_${name}.json`;
      await writeFile(path.join(folder, file), JSON.stringify(withOpenMetadata(schema.openAPIV3Schema)));
    }
  }
  return ['-schema-location', path.join(folder, '{{.ResourceKind}}_{{.ResourceAPIVersion}}.json')];
}

function withOpenMetadata(schema: Schema): Schema {
  const strict = strictJsonSchema(schema);
  return { ...strict, properties: { ...(strict.properties as object), metadata: { type: 'object' } } };
}

/** Those of the values files that this version of Kubernetes can serve. */
async function servedBy(version: string, values: readonly string[]): Promise<string[]> {
  const minor = Number(version.split('.')[1]);
  const needed = await Promise.all(
    values.map(async (file) => Number(NEEDS.exec(await readFile(path.join(root, file), 'utf8'))?.[1] ?? 0)),
  );
  return values.filter((_, index) => (needed[index] ?? 0) <= minor);
}

/** Renders the chart for one Kubernetes version with each of the values files, and checks all manifests in one go. */
async function conforms(version: string, values: readonly string[]): Promise<void> {
  const helm = await ensureTool('helm');
  const folder = await mkdtemp(path.join(tmpdir(), 'manifests-'));
  const [manifests, own] = [path.join(folder, 'manifests'), path.join(folder, 'schemas')];
  try {
    await mkdir(manifests);
    await mkdir(own);
    for (const file of await servedBy(version, values)) {
      const parameters = [
        'template',
        'checked',
        'chart',
        '--namespace',
        'checked',
        '-f',
        file,
        '--kube-version',
        version,
      ];
      await writeFile(path.join(manifests, path.basename(file)), await run(helm, parameters));
    }
    const schemas = [...kubeconformArguments(await ensureTool('schemas'), version), ...(await ownSchemas(own))];
    const definitions = path.join(root, 'chart/crds');
    await run(await ensureTool('kubeconform'), [...schemas, '-skip', CUSTOM_RESOURCES, manifests, definitions]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Checks the chart with each of its `ci/*-values.yaml`, then with chart-testing. */
runMain(import.meta.main, 'check-chart', async () => {
  const values = globSync('chart/ci/*-values.yaml', { cwd: root }).toSorted();
  if (values.length === 0) throw new CommandError('no chart/ci/*-values.yaml to check');
  const helm = await ensureTool('helm');
  for (const file of values)
    await step(`helm lint --strict: ${file}`, () => run(helm, ['lint', '--strict', 'chart', '-f', file]));
  const versions = await schemaVersions(await ensureTool('schemas'));
  for (const version of versions) await step(`kubeconform: Kubernetes ${version}`, () => conforms(version, values));
  const ct = await ensureTool('ct');
  await step('ct lint', () => run(ct, ['lint', '--config', 'ct.yaml']));
});
