import { describe, expect, it } from 'vitest';
import { standalone, strictVersions } from './schemas.ts';

describe('standalone', () => {
  it('drops the $id and makes references relative, so that nothing is fetched', () => {
    const schema = {
      $id: 'https://example.org/v1.37.0/pod.json',
      properties: {
        spec: { $ref: '/api/_definitions.json#/definitions/PodSpec' },
        list: [{ $ref: '/api/_definitions.json#/x' }],
      },
    };
    expect(standalone(schema)).toEqual({
      properties: {
        spec: { $ref: '_definitions.json#/definitions/PodSpec' },
        list: [{ $ref: '_definitions.json#/x' }],
      },
    });
  });

  it('keeps a property that is called $ref or $id', () => {
    const schema = { properties: { $ref: { type: 'string' }, $id: { type: 'string' } } };
    expect(standalone(schema)).toEqual(schema);
  });
});

describe('strictVersions', () => {
  it('keeps the strict ones from 1.29 on, in the order of their numbers', () => {
    const folders = [
      'v1.37.0-local-strict',
      'v1.28.0-local-strict',
      'v1.29.0-local',
      'v1.100.0-local-strict',
      'v1.29.0-local-strict',
    ];
    expect(strictVersions(folders)).toEqual(['1.29.0', '1.37.0', '1.100.0']);
  });
});
