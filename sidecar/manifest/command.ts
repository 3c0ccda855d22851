import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { messageOf } from '../../common/errors.ts';
import { TemplateError } from '../template/value.ts';
import { type ChartFiles, type Rendered, renderChart, ValuesError, valuesOf } from './chart.ts';
import { staticPodOf } from './static-pod.ts';

const USAGE = `usage: manifest --values FILE [--values FILE …] [--release NAME] [--namespace NAME] [--settings]

Prints a static pod, for the folder from which a kubelet takes such pods, and with --settings the settings file alone. The values are those
of "helm install NAME", whose release is to have the same name and namespace (api, kube-system).`;

/** The chart's files that are read, beside its templates. */
const FILES = ['Chart.yaml', 'values.yaml', 'values.schema.json'];

/** A command that cannot be carried out, for what it was given. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

async function readChart(folder: string): Promise<ChartFiles> {
  const templates = (await readdir(join(folder, 'templates'))).map((name) => `templates/${name}`);
  const read = async (path: string) => [path, await readFile(join(folder, path), 'utf8')] as const;
  return new Map(await Promise.all([...FILES, ...templates].map(read)));
}

async function readValues(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, 'utf8'), { merge: true });
  } catch (error) {
    throw new ManifestError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

interface Request {
  readonly values: readonly string[];
  readonly release: string;
  readonly namespace: string;
  readonly settings: boolean;
  readonly chart: string;
}

function readRequest(args: readonly string[], chart: string): Request {
  try {
    const { values: options } = parseArgs({
      args: [...args],
      options: {
        values: { type: 'string', multiple: true, short: 'f', default: [] },
        release: { type: 'string', default: 'api' },
        namespace: { type: 'string', default: 'kube-system', short: 'n' },
        settings: { type: 'boolean', default: false },
        chart: { type: 'string', default: chart },
      },
    });
    if (options.values.length > 0) return options;
  } catch (error) {
    throw new ManifestError(`${messageOf(error)}\n${USAGE}`);
  }
  throw new ManifestError(USAGE);
}

async function rendered({ values, release, namespace, chart }: Request): Promise<Rendered> {
  const files = await readChart(chart);
  const merged = valuesOf(files, await Promise.all(values.map(readValues)));
  const { enabled } = (merged.controlPlaneLoadBalancing ?? {}) as { readonly enabled?: unknown };
  if (enabled !== true) {
    throw new ValuesError(
      'static pods are for controlPlaneLoadBalancing; set controlPlaneLoadBalancing.enabled to true',
    );
  }
  return renderChart(files, merged, { name: release, namespace });
}

/**
 * Carries out the command `manifest`.
 * @param args what follows the command's name
 * @param chart folder with the chart
 * @returns what is to be printed
 * @throws {ManifestError} with what is wrong, and the fix
 */
export async function printManifest(args: readonly string[], chart: string): Promise<string> {
  const request = readRequest(args, chart);
  try {
    const made = await rendered(request);
    return request.settings ? made.settings : staticPodOf(made, request);
  } catch (error) {
    if (error instanceof ValuesError || error instanceof TemplateError) throw new ManifestError(error.message.trim());
    throw error;
  }
}
