import { isList, isMap, TemplateError, textOf, type Value, type ValueMap } from '../value.ts';

/** An argument as a text; nil is `<nil>`, as sprig has it. */
export function text(value: Value | undefined): string {
  return textOf(value ?? null);
}

/** An argument that must be a list; nil is an empty one. */
export function list(value: Value | undefined): readonly Value[] {
  if (value === null || value === undefined) return [];
  if (isList(value)) return value;
  throw new TemplateError(`${text(value)} is no list`);
}

/** An argument that must be a map; nil is an empty one. */
export function map(value: Value | undefined): ValueMap {
  if (value === null || value === undefined) return new Map();
  if (isMap(value)) return value;
  throw new TemplateError(`${text(value)} is no map`);
}

/** An argument as sprig makes a float64 of it: 0 of what is none. */
export function float(value: Value | undefined): number {
  if (typeof value === 'boolean') return Number(value);
  const number = Number(typeof value === 'string' ? value : (value ?? 0));
  return Number.isNaN(number) ? 0 : number;
}

/** An argument as sprig makes an int64 of it: 0 of what is none. */
export function whole(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : BigInt(Math.trunc(float(value)));
}

/** The kind of a value by Go's name (reflect.Kind). */
export function kindOf(value: Value | undefined): string {
  if (value === null || value === undefined) return 'invalid';
  if (isList(value)) return 'slice';
  if (isMap(value)) return 'map';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
