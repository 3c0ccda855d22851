import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CommandError, runMain } from './support/main.ts';
import { step } from './support/steps.ts';
import { kubeconformArguments, schemaVersions } from './toolchain/kubeconform.ts';
import { ensureTool, toolEnvironment } from './tools.ts';

const LIMIT_MS = 5 * 60_000;
/** Resources of other projects: their schemas are not among Kubernetes' own. */
const CUSTOM_RESOURCES = 'PodMonitor,ServiceMonitor,PrometheusRule';
const root = path.resolve(import.meta.dirname, '..');

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

/** Renders the chart for one Kubernetes version with each of the values files, and checks all manifests in one go. */
async function conforms(version: string, values: readonly string[]): Promise<void> {
  const helm = await ensureTool('helm');
  const folder = await mkdtemp(path.join(tmpdir(), 'manifests-'));
  try {
    for (const file of values) {
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
      await writeFile(path.join(folder, path.basename(file)), await run(helm, parameters));
    }
    const schemas = kubeconformArguments(await ensureTool('schemas'), version);
    await run(await ensureTool('kubeconform'), [...schemas, '-skip', CUSTOM_RESOURCES, folder]);
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
