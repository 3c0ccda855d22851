import { isDeepStrictEqual } from 'node:util';
import { isList, isMap, isTrue, TemplateError, type TemplateFunction, type Value, type ValueMap } from '../value.ts';
import { kindOf, list, map, text, whole } from './arguments.ts';

function dictionary(...pairs: readonly Value[]): ValueMap {
  const made: ValueMap = new Map();
  for (let at = 0; at < pairs.length; at += 2) made.set(text(pairs[at]), pairs[at + 1] ?? null);
  return made;
}

/** A copy that shares nothing that can be changed. */
function copied(value: Value | undefined): Value {
  if (isMap(value)) return new Map([...value].map(([key, each]) => [key, copied(each)]));
  return isList(value) ? value.map(copied) : (value ?? null);
}

/** What a map lacks comes from another; what is there and empty counts as lacking, as in mergo. Changes the first. */
function fill(target: ValueMap, [key, value]: readonly [string, Value]): void {
  const there = target.get(key) ?? null;
  if (isMap(there) && isMap(value)) merged(there, value);
  else if (!isTrue(there)) target.set(key, value);
}

function merged(first: Value | undefined, ...others: readonly Value[]): ValueMap {
  const target = map(first);
  for (const entry of others.flatMap((other) => [...map(other)])) fill(target, entry);
  return target;
}

/** Arguments: keys, what is given where one of them is missing, the map. */
function dug(...values: readonly Value[]): Value {
  let found: Value | undefined = values.at(-1);
  for (const key of values.slice(0, -2)) {
    found = isMap(found) ? found.get(text(key)) : undefined;
    if (found === undefined) return values.at(-2) ?? null;
  }
  return found ?? null;
}

function indexed(collection: Value | undefined, ...keys: readonly Value[]): Value {
  let found = collection ?? null;
  for (const key of keys) {
    if (isMap(found)) found = found.get(text(key)) ?? null;
    else found = list(found)[Number(whole(key))] ?? null;
  }
  return found;
}

function lengthOf(value: Value | undefined): bigint {
  if (isMap(value)) return BigInt(value.size);
  return BigInt(typeof value === 'string' ? Buffer.byteLength(value) : list(value).length);
}

function picked(from: Value | undefined, isWanted: (key: string) => boolean): ValueMap {
  return new Map([...map(from)].filter(([key]) => isWanted(key)));
}

function unique(values: readonly Value[]): Value[] {
  return values.filter((value, index) => !values.slice(0, index).some((other) => isDeepStrictEqual(other, value)));
}

/** Lists, maps, and choices between values. */
export const COLLECTION_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  dict: dictionary,
  list: (...values) => values,
  get: (from, key) => map(from).get(text(key)) ?? '',
  set: (target, key, value) => map(target).set(text(key), value ?? null),
  hasKey: (from, key) => map(from).has(text(key)),
  pick: (from, ...keys) => picked(from, (key) => keys.includes(key)),
  omit: (from, ...keys) => picked(from, (key) => !keys.includes(key)),
  merge: merged,
  deepCopy: copied,
  dig: dug,
  index: indexed,
  len: lengthOf,
  append: (values, value) => [...list(values), value ?? null],
  prepend: (values, value) => [value ?? null, ...list(values)],
  concat: (...values) => values.flatMap(list),
  first: (values) => list(values)[0] ?? null,
  last: (values) => list(values).at(-1) ?? null,
  compact: (values) => list(values).filter(isTrue),
  uniq: (values) => unique(list(values)),
  has: (value, values) => list(values).some((each) => isDeepStrictEqual(each, value)),
  until: (count) => Array.from({ length: Number(whole(count)) }, (_, index) => BigInt(index)),
  default: (otherwise, value) => (isTrue(value ?? null) ? (value ?? null) : (otherwise ?? null)),
  coalesce: (...values) => values.find(isTrue) ?? null,
  ternary: (one, other, which) => (isTrue(which ?? null) ? one : other) ?? null,
  empty: (value) => !isTrue(value ?? null),
  not: (value) => !isTrue(value ?? null),
  // Decided where they are called, for they look at no more than they need.
  and: (value) => value ?? null,
  or: (value) => value ?? null,
  kindIs: (kind, value) => text(kind) === kindOf(value),
  fail: (message) => {
    throw new TemplateError(text(message));
  },
};
