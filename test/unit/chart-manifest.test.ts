import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ensureTool } from '../../scripts/tools.ts';
import { type ChartFiles, renderChart, valuesOf } from '../../sidecar/manifest/chart.ts';
import { CHART } from '../support/release-names.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Pools are no static pod's. */
const VALUES = [
  'chart/ci/control-plane-*.yaml',
  'chart/ci/reference-*.yaml',
  'chart/ci/*daemonset*.yaml',
  'examples/control-plane/*.yaml',
]
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .toSorted();
const RELEASE = { name: 'api', namespace: 'kube-system' };
/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;
const LIMIT_MS = 60_000;

let helm: string;
let files: ChartFiles;

beforeAll(async () => {
  helm = await ensureTool('helm');
  const names = ['Chart.yaml', 'values.yaml', 'values.schema.json', ...globSync('templates/*', { cwd: CHART })];
  files = new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(CHART, name), 'utf8')] as const)),
  );
}, SET_UP_LIMIT_MS);

/** What Helm makes of a file of values, as renderChart gives it; or what it says. */
async function byHelm(file: string, set: readonly string[] = []) {
  const words = ['template', RELEASE.name, CHART, '--namespace', RELEASE.namespace, '-f', path.join(ROOT, file)];
  const sets = set.flatMap((assignment) => ['--set', assignment]);
  const { stdout, stderr, failed } = await execa(helm, [...words, ...sets], { reject: false, timeout: LIMIT_MS });
  if (failed) return stderr;
  const objects = parseAllDocuments(stdout).map((document) => document.toJS());
  const of = (kind: string) =>
    objects.find((object) => object?.kind === kind && object.metadata.labels['app.kubernetes.io/component'] === 'node');
  return { workload: of('DaemonSet'), settings: of('ConfigMap')?.data['config.yaml'] };
}

async function byUs(file: string, more: object = {}) {
  const values = parse(await readFile(path.join(ROOT, file), 'utf8')) as unknown;
  const { workload, settings } = renderChart(files, valuesOf(files, [values, more]), RELEASE);
  return { workload, settings };
}

describe('the chart, rendered without Helm', () => {
  it('is rendered with several values', () => expect(VALUES.length).toBeGreaterThan(8));

  it.each(VALUES)('is what Helm makes of it, to the letter, with %s', async (file) => {
    expect(await byUs(file)).toEqual(await byHelm(file));
  });

  it.each([
    ['keepalived.advertInterval=50', { keepalived: { advertInterval: 50 } }],
    ['kind=Job', { kind: 'Job' }],
    ['sidecar.port=70000', { sidecar: { port: 70_000 } }],
    ['proxy.image.digest=x', { proxy: { image: { digest: 'x' } } }],
    ['controlPlaneLoadBalancing.backends.port=0', { controlPlaneLoadBalancing: { backends: { port: 0 } } }],
    [
      'controlPlaneLoadBalancing.backends.addresses={1.2.3}',
      { controlPlaneLoadBalancing: { backends: { addresses: ['1.2.3'] } } },
    ],
  ])('refuses what Helm refuses, in the same words: %s', async (assignment, more) => {
    const file = 'chart/ci/reference-k0s-values.yaml';
    const ours = await byUs(file, more).then(String, (error: Error) => error.message.trim());
    expect(ours).toMatch(/^ERROR: /);
    expect(await byHelm(file, [assignment])).toContain(ours);
  });
});
