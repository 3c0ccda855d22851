import { CommandError } from '../support/main.ts';

/** Part of a JSON schema, or of the schema of a custom resource. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** Keywords that a structural schema may have as they are. */
const KEPT = new Set([
  'description',
  'type',
  'format',
  'nullable',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
]);
/** Keywords with one schema within, and how places below it are called. */
const BELOW = new Map([
  ['items', '[]'],
  ['not', '.not'],
]);
const DROPPED = new Set(['$schema', 'propertyNames']);

/**
 * Turns what zod writes (`target: 'openapi-3.0'`) into what the API server takes in a custom resource definition
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
 * @param at where the schema is, for messages
 * @throws CommandError for what a structural schema cannot say
 */
export function structural(schema: Schema, at = 'schema'): Schema {
  const said = Object.entries(schema).flatMap(([keyword, value]) => convert(keyword, value, schema, at));
  return Object.fromEntries(said.toSorted(([a], [b]) => place(a) - place(b)));
}

/** What a reader looks for first stands first; the long parts last. */
const ORDER = ['description', 'type', 'format', 'nullable', 'enum', 'required', 'properties', 'items'];

function place(keyword: string): number {
  const found = ORDER.indexOf(keyword);
  if (found < 0) return keyword.startsWith('x-kubernetes-') ? ORDER.length - 2.5 : ORDER.indexOf('required') - 0.5;
  return found;
}

function convert(keyword: string, value: unknown, schema: Schema, at: string): [string, unknown][] {
  if (DROPPED.has(keyword)) return [];
  if (keyword === 'properties') return [[keyword, structuralProperties(value as Record<string, Schema>, at)]];
  const below = BELOW.get(keyword);
  if (below !== undefined) return [[keyword, structural(value as Schema, at + below)]];
  if (keyword === 'additionalProperties') return additionalProperties(value, at);
  if (keyword === 'const') return [['enum', [value]]];
  // Numbers that only say what JavaScript can count to.
  if (Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) return [];
  // The format says the same, and its message is the better one.
  if (keyword === 'pattern' && schema.format !== undefined) return [];
  if (KEPT.has(keyword) || keyword.startsWith('x-kubernetes-')) return [[keyword, value]];
  throw new CommandError(`${at}: "${keyword}" cannot be said in a custom resource definition`);
}

function structuralProperties(properties: Readonly<Record<string, Schema>>, at: string): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, part]) => [name, structural(part, `${at}.${name}`)]),
  );
}

/** The API server drops unknown fields by itself, and a closed map may not say so. */
function additionalProperties(value: unknown, at: string): [string, unknown][] {
  return typeof value === 'object' && value !== null
    ? [['additionalProperties', structural(value as Schema, `${at}.*`)]]
    : [];
}

/**
 * Turns the schema of a custom resource into a strict JSON schema, with which manifests can be checked without an API server. Rules in CEL
 * are not among what it checks.
 * @param schema `openAPIV3Schema` of a version
 */
export function strictJsonSchema(schema: Schema): Schema {
  const rest = Object.entries(schema).filter(([keyword]) => !keyword.startsWith('x-kubernetes-'));
  const strict = Object.fromEntries(rest.flatMap(([keyword, value]) => strictKeyword(keyword, value, schema)));
  const closed = schema.properties !== undefined && schema.additionalProperties === undefined;
  return closed ? { ...strict, additionalProperties: false } : strict;
}

function strictKeyword(keyword: string, value: unknown, schema: Schema): [string, unknown][] {
  if (keyword === 'nullable') return [];
  if (keyword === 'type' && schema.nullable === true) return [[keyword, [value, 'null']]];
  if (keyword === 'properties') {
    const parts = Object.entries(value as Record<string, Schema>);
    return [[keyword, Object.fromEntries(parts.map(([name, part]) => [name, strictJsonSchema(part)]))]];
  }
  if (keyword === 'items' || keyword === 'additionalProperties') return [[keyword, strictJsonSchema(value as Schema)]];
  return [[keyword, value]];
}
