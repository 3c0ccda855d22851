import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { checkDocument, problemText } from '../../common/check-document.ts';
import { FUNCTIONS } from '../template/functions.ts';
import { type Nodes, parseTemplates } from '../template/parse.ts';
import { Renderer } from '../template/render.ts';
import { fromDocument, type Value } from '../template/value.ts';

/** Texts of the chart's files, by their paths in it. */
export type ChartFiles = ReadonlyMap<string, string>;

/** What `helm install` is told of a release. */
export interface Release {
  readonly name: string;
  readonly namespace: string;
}

/** Values that the chart refuses; a sentence for each that is wrong. */
export class ValuesError extends Error {
  override readonly name = 'ValuesError';
}

type Document = Readonly<Record<string, unknown>>;

/** The templates that a static pod is made of. They refuse what the release would. */
const POD_TEMPLATE = 'templates/daemonset.yaml';
const SETTINGS_TEMPLATE = 'templates/configmap.yaml';

/** What the chart makes of values: a workload, and the sidecar's settings file. */
export interface Rendered {
  /** A DaemonSet. */
  readonly workload: unknown;
  readonly settings: string;
  /** The key that nodes know each other by, as it is given; empty when it is not. */
  readonly connectionsKey: string;
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Later values over earlier ones, key by key; null takes a key away, as Helm has it. */
function over(below: unknown, above: unknown): unknown {
  if (!isDocument(above)) return above;
  const merged: Record<string, unknown> = isDocument(below) ? { ...below } : {};
  for (const [key, value] of Object.entries(above)) {
    if (value === null) delete merged[key];
    else Object.defineProperty(merged, key, { value: over(merged[key], value), ...WRITABLE });
  }
  return merged;
}

/** A key may have any name, also `__proto__`. */
const WRITABLE = { writable: true, enumerable: true, configurable: true } as const;

function textIn(files: ChartFiles, path: string): string {
  const text = files.get(path);
  if (text === undefined) throw new ValuesError(`the chart lacks ${path}: the image is incomplete; pull it again`);
  return text;
}

/**
 * The chart's values with the user's over them. Pure.
 * @param given documents of files of values, later ones win
 * @throws {ValuesError} with every key that the chart does not know, and every value of a wrong type
 */
export function valuesOf(files: ChartFiles, given: readonly unknown[]): Document {
  const wrong = given.find((document) => document !== null && document !== undefined && !isDocument(document));
  if (wrong !== undefined) throw new ValuesError('the values are no mapping; write them as key: value');
  const defaults: unknown = parse(textIn(files, 'values.yaml'));
  const values = given.reduce<unknown>((below, above) => over(below, above ?? {}), defaults);
  const schema = z.fromJSONSchema(JSON.parse(textIn(files, 'values.schema.json')) as z.core.JSONSchema.JSONSchema);
  const checked = checkDocument(schema, values);
  if (!checked.ok) throw new ValuesError(checked.problems.map(problemText).join('\n'));
  return { global: {}, ...(isDocument(values) ? values : {}) };
}

/** All templates of the chart: what the files define, and the files themselves. */
function templatesOf(files: ChartFiles): ReadonlyMap<string, Nodes> {
  const templates = new Map<string, Nodes>();
  for (const [path, text] of files) {
    if (path.startsWith('templates/')) templates.set(path, parseTemplates(path, text, templates));
  }
  return templates;
}

/**
 * Renders what a static pod is made of, from the same templates as `helm install`. Pure.
 * @param values as valuesOf gives them
 * @throws {TemplateError} with what the chart says of values that it refuses
 */
export function renderChart(files: ChartFiles, values: Document, release: Release): Rendered {
  const { name, version, appVersion } = parse(textIn(files, 'Chart.yaml')) as Record<string, string>;
  const data = fromDocument({
    Values: values,
    Chart: { Name: name, Version: version, AppVersion: appVersion },
    Release: { Name: release.name, Namespace: release.namespace, Service: 'Helm', IsInstall: true, IsUpgrade: false },
  });
  const templates = templatesOf(files);
  const renderer = new Renderer(templates, FUNCTIONS);
  const rendered = (path: string) => firstObject(renderer.render(templates.get(path) ?? [], data as Value));
  const workload = rendered(POD_TEMPLATE);
  const { data: settings } = (rendered(SETTINGS_TEMPLATE) ?? {}) as { data?: Record<string, string> };
  return { workload, settings: settings?.['config.yaml'] ?? '', connectionsKey: connectionsKeyIn(values) };
}

function connectionsKeyIn(values: Document): string {
  const keepalived = isDocument(values.keepalived) ? values.keepalived : {};
  const { key } = isDocument(keepalived.resetConnections) ? keepalived.resetConnections : {};
  return typeof key === 'string' ? key : '';
}

function firstObject(text: string): unknown {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .find(isDocument);
}
