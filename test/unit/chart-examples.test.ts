import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ensureTool } from '../../scripts/tools.ts';
import { parseSettings } from '../../sidecar/config/load.ts';
import { renderChart } from '../lab/chart.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLES = globSync('examples/**/*.yaml', { cwd: ROOT }).toSorted();
/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;

interface HelmChart {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly namespace: string };
  readonly spec?: { readonly chart: string; readonly valuesContent: string };
}

let helm: string;
let folder: string;

beforeAll(async () => {
  helm = await ensureTool('helm');
  folder = await mkdtemp(path.join(tmpdir(), 'chart-examples-'));
}, SET_UP_LIMIT_MS);

afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

function read(file: string): unknown {
  return parse(readFileSync(path.join(ROOT, file), 'utf8'));
}

/** The workload and the settings that values text gives. */
async function render(values: string) {
  const file = path.join(folder, 'values.yaml');
  await writeFile(file, values);
  const objects = parseAllDocuments(await renderChart(helm, { files: [file], set: [] })).map((part) => part.toJS());
  const settings = parseSettings(objects.find((object) => object?.kind === 'ConfigMap').data['config.yaml']).settings;
  return { settings, workload: objects.find((object) => ['DaemonSet', 'Deployment'].includes(object?.kind)) };
}

describe('the examples', () => {
  const values = EXAMPLES.filter((file) => (read(file) as HelmChart).apiVersion === undefined);
  const manifests = EXAMPLES.filter((file) => (read(file) as HelmChart).kind === 'HelmChart');

  it('are for Helm, kubeadm, Rancher and k3s', () => {
    expect(values.map((file) => file.split('/')[1])).toEqual(expect.arrayContaining(['helm', 'kubeadm', 'rancher']));
    expect(manifests).toEqual(['examples/k3s/api-server-vip.yaml', 'examples/k3s/ingress-vip.yaml']);
  });

  it.each(values)('are values that the chart takes: %s', async (file) => {
    await expect(render(readFileSync(path.join(ROOT, file), 'utf8'))).resolves.toBeDefined();
  });

  it.each(manifests)('are manifests with values that the chart takes: %s', async (file) => {
    const { spec } = read(file) as HelmChart;
    await expect(render(spec?.valuesContent ?? '')).resolves.toBeDefined();
  });

  it.each(manifests)('name the archive of the present version: %s', (file) => {
    const { name, version } = read('chart/Chart.yaml') as { name: string; version: string };
    expect((read(file) as HelmChart).spec?.chart).toMatch(
      new RegExp(`/${name}-${version.replaceAll('.', '\\.')}\\.tgz$`),
    );
  });

  it('for k3s can be on the same servers', async () => {
    const releases = await Promise.all(manifests.map((file) => (read(file) as HelmChart).spec?.valuesContent ?? ''));
    const settings = [];
    for (const content of releases) settings.push((await render(content)).settings);
    const ports = settings.flatMap(({ server, metrics }) => [server.port, metrics.port]);
    expect(new Set(ports).size).toBe(ports.length);
    expect(new Set(settings.map(({ vrrp }) => vrrp.virtualRouterId)).size).toBe(settings.length);
  });

  it('for the API server of k3s checks it, and runs on the servers', async () => {
    const { spec } = read('examples/k3s/api-server-vip.yaml') as HelmChart;
    const { settings, workload } = await render(spec?.valuesContent ?? '');
    expect(settings.checks.service).toMatchObject({
      url: 'https://127.0.0.1:6443/healthz',
      expectedStatuses: [200, 401],
    });
    expect(workload.kind).toBe('DaemonSet');
    expect(workload.spec.template.spec.nodeSelector).toMatchObject({ 'node-role.kubernetes.io/control-plane': 'true' });
  });

  it('are all in the list', () => {
    const list = readFileSync(path.join(ROOT, 'examples/README.md'), 'utf8');
    expect(EXAMPLES.filter((file) => !list.includes(`(${file.replace('examples/', '')})`))).toEqual([]);
  });
});
