import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Schema, strictJsonSchema, structural } from './structural-schema.ts';

function fromZod(type: z.ZodType): Schema {
  return structural(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' }) as Schema);
}

describe('a structural schema', () => {
  it('keeps bounds, descriptions and what is Kubernetes’ own', () => {
    const type = z
      .object({
        list: z.array(z.string().max(5)).min(1).max(3).meta({ 'x-kubernetes-list-type': 'set' }).describe('All.'),
      })
      .meta({ 'x-kubernetes-validations': [{ rule: 'true' }] });
    expect(fromZod(type)).toEqual({
      type: 'object',
      required: ['list'],
      'x-kubernetes-validations': [{ rule: 'true' }],
      properties: {
        list: {
          description: 'All.',
          type: 'array',
          minItems: 1,
          maxItems: 3,
          'x-kubernetes-list-type': 'set',
          items: { type: 'string', maxLength: 5 },
        },
      },
    });
  });

  it('leaves out what JavaScript cannot count to, and closed maps', () => {
    expect(fromZod(z.strictObject({ a: z.int(), b: z.int().min(1) }))).toEqual({
      type: 'object',
      required: ['a', 'b'],
      properties: { a: { type: 'integer' }, b: { type: 'integer', minimum: 1 } },
    });
  });

  it('says a constant as a choice of one, null as nullable, a time by its format', () => {
    expect(fromZod(z.literal('Host'))).toEqual({ type: 'string', enum: ['Host'] });
    expect(fromZod(z.number().min(0).nullable())).toEqual({ type: 'number', minimum: 0, nullable: true });
    expect(fromZod(z.iso.datetime({ offset: true }))).toEqual({ type: 'string', format: 'date-time' });
  });

  it('has maps of any keys', () => {
    expect(fromZod(z.record(z.string(), z.string().max(3)).meta({ maxProperties: 2 }))).toEqual({
      type: 'object',
      maxProperties: 2,
      additionalProperties: { type: 'string', maxLength: 3 },
    });
  });

  it('is refused for what it cannot say, with the place', () => {
    expect(() => fromZod(z.object({ a: z.union([z.string(), z.boolean()]) }))).toThrow(
      'schema.a: "anyOf" cannot be said in a custom resource definition',
    );
  });
});

describe('a strict JSON schema', () => {
  it('is closed where the keys are known, and takes null where it may be', () => {
    const schema = {
      type: 'object',
      'x-kubernetes-validations': [],
      properties: {
        a: { type: 'number', nullable: true },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        list: { type: 'array', items: { type: 'object', properties: { b: { type: 'string' } } } },
      },
    };
    expect(strictJsonSchema(schema)).toEqual({
      type: 'object',
      properties: {
        a: { type: ['number', 'null'] },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        list: {
          type: 'array',
          items: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: false },
        },
      },
      additionalProperties: false,
    });
  });
});
