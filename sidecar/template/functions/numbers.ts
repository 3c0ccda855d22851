import { TemplateError, type TemplateFunction, type Value } from '../value.ts';
import { float, text, whole } from './arguments.ts';

function summed(values: readonly Value[]): bigint {
  return values.reduce<bigint>((sum, value) => sum + whole(value), 0n);
}

function multiplied(values: readonly Value[]): bigint {
  return values.reduce<bigint>((product, value) => product * whole(value), 1n);
}

function number(value: string): bigint {
  return /^[-+]?[0-9]+$/.test(value) ? BigInt(value) : 0n;
}

/** Negative, 0 or positive. @throws {TemplateError} for what cannot be compared */
function compared(one: Value | undefined, other: Value | undefined): number {
  if (typeof one === 'string' && typeof other === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(other));
  if (isNumber(one) && isNumber(other)) return Number(one) - Number(other);
  throw new TemplateError(`${text(one)} and ${text(other)} cannot be compared`);
}

function isNumber(value: Value | undefined): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Equal as Go's `eq` has it, for what has one kind. */
function equals(one: Value | undefined, other: Value | undefined): boolean {
  return isNumber(one) && isNumber(other) ? Number(one) === Number(other) : one === other;
}

/** Arithmetic, which is in whole numbers, and comparisons. */
export const NUMBER_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  add: (...values) => summed(values),
  add1: (value) => whole(value) + 1n,
  sub: (one, other) => whole(one) - whole(other),
  mul: (...values) => multiplied(values),
  div: (one, other) => whole(one) / whole(other),
  mod: (one, other) => whole(one) % whole(other),
  int: (value) => whole(value),
  int64: (value) => whole(value),
  float64: (value) => float(value),
  atoi: (value) => number(text(value)),
  floor: (value) => Math.floor(float(value)),
  ceil: (value) => Math.ceil(float(value)),
  eq: (first, ...others) => others.some((other) => equals(first, other)),
  ne: (one, other) => !equals(one, other),
  lt: (one, other) => compared(one, other) < 0,
  le: (one, other) => compared(one, other) <= 0,
  gt: (one, other) => compared(one, other) > 0,
  ge: (one, other) => compared(one, other) >= 0,
};
