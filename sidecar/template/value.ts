/*
 * What templates compute with, as Go sees it: whole numbers (bigint) are another kind than those that come from YAML (number, a float64), and
 * are written otherwise.
 */

/** A value of a template. Null is Go's nil. */
export type Value = null | boolean | bigint | number | string | readonly Value[] | ValueMap | TemplateFunction;
/** A map; `set` changes it. Its keys may be anything, so it is no plain object. */
export type ValueMap = Map<string, Value>;
/** What a template can call. */
export type TemplateFunction = (...args: readonly Value[]) => Value;

/** The template or its values are wrong. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Whether it is a list. */
export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether it is a map. */
export function isMap(value: Value | undefined): value is ValueMap {
  return value instanceof Map;
}

/** A value of what a YAML or JSON document holds. Pure. */
export function fromDocument(document: unknown): Value {
  if (Array.isArray(document)) return document.map(fromDocument);
  if (document instanceof Date) return document.toISOString();
  if (typeof document === 'object' && document !== null) {
    return new Map(Object.entries(document).map(([key, value]) => [key, fromDocument(value)]));
  }
  if (typeof document === 'string' || typeof document === 'number' || typeof document === 'boolean') return document;
  return null;
}

/** The same the other way; functions are left away. Pure. */
export function toDocument(value: Value): unknown {
  if (isList(value)) return value.map(toDocument);
  if (isMap(value)) return Object.fromEntries(inOrder(value).map(([key, each]) => [key, toDocument(each)]));
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'function' ? null : value;
}

/** What is in a map, in the order in which Go goes through it. Pure. */
export function inOrder(map: ValueMap): [string, Value][] {
  return [...map].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Whether Go's `if` takes it for true (text/template, IsTrue), and the opposite of what sprig calls empty. Pure. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  return Boolean(value);
}

/** From this power of ten on a float64 is written with an exponent (strconv.FormatFloat, format g, shortest). */
const FIRST_EXPONENT = 6;

/** A float64 as fmt's %v writes it. Pure. */
export function floatText(number: number): string {
  const [mantissa = '', exponent = '0'] = number.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < FIRST_EXPONENT) return String(number);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A value as fmt's %v writes it. Pure. */
export function textOf(value: Value): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return floatText(value);
  if (isList(value)) return `[${value.map(textOf).join(' ')}]`;
  if (isMap(value))
    return `map[${inOrder(value)
      .map(([key, each]) => `${key}:${textOf(each)}`)
      .join(' ')}]`;
  return String(value);
}
