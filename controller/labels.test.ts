import { describe, expect, it } from 'vitest';
import type { NodeSelector } from '../api/virtual-ip-pool.ts';
import { selects } from './labels.ts';

type Requirement = NonNullable<NodeSelector['matchExpressions']>[number];

describe('a selector', () => {
  it.each<[string, Requirement, boolean, boolean]>([
    ['In', { key: 'zone', operator: 'In', values: ['a', 'b'] }, true, false],
    ['In other values', { key: 'zone', operator: 'In', values: ['b'] }, false, false],
    ['NotIn', { key: 'zone', operator: 'NotIn', values: ['a'] }, false, true],
    ['NotIn other values', { key: 'zone', operator: 'NotIn', values: ['b'] }, true, true],
    ['Exists', { key: 'zone', operator: 'Exists' }, true, false],
    ['DoesNotExist', { key: 'zone', operator: 'DoesNotExist' }, false, true],
  ])(
    'with %s treats a label that is there and one that is not as Kubernetes does',
    (_name, requirement, withLabel, without) => {
      expect(selects({ matchExpressions: [requirement] }, { zone: 'a' })).toBe(withLabel);
      expect(selects({ matchExpressions: [requirement] }, {})).toBe(without);
    },
  );

  it('needs every label and every requirement', () => {
    const selector: NodeSelector = {
      matchLabels: { role: 'edge', disk: '' },
      matchExpressions: [{ key: 'zone', operator: 'Exists' }],
    };
    expect(selects(selector, { role: 'edge', disk: '', zone: 'a' })).toBe(true);
    expect(selects(selector, { role: 'edge', zone: 'a' })).toBe(false);
    expect(selects(selector, { role: 'edge', disk: '' })).toBe(false);
    expect(selects({}, {})).toBe(true);
  });

  it('is met by whichever of several labels, besides all that it asks for otherwise', () => {
    const selector: NodeSelector = { anyLabel: ['control-plane', 'master'], matchLabels: { zone: 'a' } };
    expect(selects(selector, { master: '', zone: 'a' })).toBe(true);
    expect(selects(selector, { 'control-plane': 'true', zone: 'a' })).toBe(true);
    expect(selects(selector, { master: '' })).toBe(false);
    expect(selects(selector, { zone: 'a' })).toBe(false);
    expect(selects({ anyLabel: [] }, {})).toBe(true);
  });

  it('is not met by what every object has', () => {
    expect(selects({ anyLabel: ['toString'] }, {})).toBe(false);
    expect(selects({ matchExpressions: [{ key: 'toString', operator: 'Exists' }] }, {})).toBe(false);
  });
});
