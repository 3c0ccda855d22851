import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const CHART = path.resolve(import.meta.dirname, '../../chart');

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

interface Question {
  readonly variable: string;
  readonly label: string;
  readonly description: string;
  readonly type: string;
  readonly group?: string;
  readonly default: unknown;
  readonly options?: readonly string[];
  readonly show_if?: string;
  readonly show_subquestion_if?: unknown;
  readonly subquestions?: readonly Question[];
}

function read(name: string): unknown {
  return parse(readFileSync(path.join(CHART, name), 'utf8'));
}

const values = read('values.yaml') as Record<string, unknown>;
const schema = read('values.schema.json') as Schema;
const top = (read('questions.yaml') as { questions: Question[] }).questions;
const questions = top.flatMap((question) => [question, ...(question.subquestions ?? [])]);

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(name: string): unknown {
  return name.split('.').reduce<unknown>((map, key) => (isMap(map) ? map[key] : undefined), values);
}

function resolved(part: Schema): Schema {
  const name = part.$ref?.split('/').at(-1);
  return name === undefined ? part : (schema.definitions?.[name] ?? {});
}

/** Paths of the schema's maps of known keys, each with those keys. */
function closedMaps(part: Schema, at = ''): { at: string; keys: string[]; closed: boolean }[] {
  const { properties, additionalProperties } = resolved(part);
  if (properties === undefined) return [];
  const inner = Object.entries(properties).flatMap(([key, child]) =>
    closedMaps(child, at === '' ? key : `${at}.${key}`),
  );
  return [{ at, keys: Object.keys(properties), closed: additionalProperties === false }, ...inner];
}

/** Keys that have no default: Helm's and Rancher's own, and the parts of Kubernetes' resources. */
const WITHOUT_DEFAULT = new Set([
  'global',
  'pod.resources.claims',
  'sidecar.resources.claims',
  'controller.resources.claims',
  'proxy.resources.claims',
  'bgp.resources.claims',
  'bgp.bfd.resources.claims',
]);

describe('values.schema.json', () => {
  const maps = closedMaps(schema);

  it.each(maps)('is closed at "$at"', ({ closed }) => expect(closed).toBe(true));

  it.each(maps)('knows the keys of values.yaml at "$at", and no others', ({ at, keys }) => {
    const known = keys.filter((key) => !WITHOUT_DEFAULT.has(at === '' ? key : `${at}.${key}`));
    const map = at === '' ? values : valueAt(at);
    expect(known.toSorted()).toEqual(Object.keys(map as object).toSorted());
  });
});

describe("Rancher's form", () => {
  it('asks for the address, which has no default', () => {
    const address = questions.find(({ variable }) => variable === 'keepalived.vipAddressCidr');
    expect(address).toMatchObject({ required: true, default: '' });
  });

  it('asks for each value once', () => {
    const names = questions.map(({ variable }) => variable);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it.each(questions)('has the default of values.yaml for $variable', ({ variable, default: shown }) => {
    const standard = valueAt(variable);
    expect(standard, 'a value of values.yaml').not.toBeUndefined();
    expect(String(shown)).toBe(String(standard ?? ''));
  });

  it.each(questions)('has a label, a description and a type for $variable', ({ label, description, type }) => {
    expect(label).toMatch(/^[A-Z]/);
    expect(description).toMatch(/\.$/);
    expect(['string', 'int', 'boolean', 'enum', 'password']).toContain(type);
  });

  it.each(questions.filter(({ type }) => type === 'boolean' || type === 'int'))(
    'asks for $variable by the type of its value',
    ({ variable, type }) => expect(typeof valueAt(variable)).toBe(type === 'int' ? 'number' : 'boolean'),
  );

  it.each(questions.filter(({ type }) => type === 'enum'))(
    'offers the default of $variable among its options',
    (question) => expect(question.options).toContain(question.default),
  );

  it.each(questions.filter(({ show_if }) => show_if !== undefined))(
    'shows $variable by another question and one of its answers: $show_if',
    ({ show_if = '' }) => {
      const [variable, answer] = show_if.split('=');
      const other = questions.find((question) => question.variable === variable);
      expect(other?.type === 'boolean' ? ['true', 'false'] : other?.options).toContain(answer);
    },
  );

  it.each(top)('puts $variable into a group', ({ group }) => expect(group).toBeTruthy());

  it('keeps the questions of a group together', () => {
    const groups = top.map(({ group }) => group);
    const runs = groups.filter((group, index) => group !== groups[index - 1]);
    expect(runs).toEqual([...new Set(runs)]);
  });
});
