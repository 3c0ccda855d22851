import { globSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { CommandError, runMain } from './support/main.ts';
import { step } from './support/steps.ts';
import { ensureTool, toolEnvironment } from './tools.ts';

const LIMIT_MS = 5 * 60_000;
/** Resources of other projects: their schemas are not among Kubernetes' own. */
const CUSTOM_RESOURCES = 'PodMonitor,ServiceMonitor,PrometheusRule';
const root = path.resolve(import.meta.dirname, '..');

/** The commands that the checks call. */
interface Commands {
  readonly helm: string;
  readonly kubeconform: string;
  readonly schemas: string;
}

/** `helm lint --strict`, and the rendered manifests against the schemas of every supported Kubernetes version. */
async function checkValues(
  values: string,
  versions: readonly string[],
  { helm, kubeconform, schemas }: Commands,
): Promise<void> {
  await run(helm, ['lint', '--strict', 'chart', '-f', values]);
  for (const version of versions) {
    const parameters = [
      'template',
      'checked',
      'chart',
      '--namespace',
      'checked',
      '-f',
      values,
      '--kube-version',
      version,
    ];
    const { stdout } = await run(helm, parameters);
    const location = `${schemas}/{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json`;
    const conform = [
      '-strict',
      '-kubernetes-version',
      version,
      '-schema-location',
      location,
      '-skip',
      CUSTOM_RESOURCES,
      '-',
    ];
    await run(kubeconform, conform, stdout);
  }
}

async function run(command: string, parameters: readonly string[], input = ''): Promise<{ stdout: string }> {
  const result = await execa(command, parameters, {
    cwd: root,
    env: toolEnvironment(),
    reject: false,
    input,
    timeout: LIMIT_MS,
    all: true,
  });
  if (result.failed) throw new CommandError(`${result.shortMessage}\n${result.all}`);
  return { stdout: result.stdout };
}

async function supportedVersions(schemas: string): Promise<string[]> {
  const names = await readdir(schemas);
  const versions = names
    .map((name) => /^v([\d.]+)-standalone-strict$/.exec(name)?.[1])
    .filter((version) => version !== undefined);
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Checks the chart with each of its `ci/*-values.yaml`, then with chart-testing. */
runMain(import.meta.main, 'check-chart', async () => {
  const commands = {
    helm: await ensureTool('helm'),
    kubeconform: await ensureTool('kubeconform'),
    schemas: await ensureTool('schemas'),
  };
  const versions = await supportedVersions(commands.schemas);
  const values = globSync('chart/ci/*-values.yaml', { cwd: root }).toSorted();
  if (values.length === 0) throw new CommandError('no chart/ci/*-values.yaml to check');
  for (const file of values) {
    await step(`${file}: helm lint --strict, kubeconform for ${versions.join(' ')}`, () =>
      checkValues(file, versions, commands),
    );
  }
  const ct = await ensureTool('ct');
  await step('ct lint', () => run(ct, ['lint', '--config', 'ct.yaml']));
});
