import { describe, expect, it } from 'vitest';
import type { NodeSelector, Toleration } from '../../api/virtual-ip-pool.ts';
import { eligibleNodes, selects, tolerates } from './eligibility.ts';
import { node } from './testing/scenes.ts';

type Requirement = NonNullable<NodeSelector['matchExpressions']>[number];

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}

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

describe('a toleration', () => {
  const taint = { key: 'dedicated', value: 'edge', effect: 'NoSchedule' };

  it.each<[string, Toleration, boolean]>([
    ['the same key, value and effect', { key: 'dedicated', value: 'edge', effect: 'NoSchedule' }, true],
    ['the same key and value, any effect', { key: 'dedicated', operator: 'Equal', value: 'edge' }, true],
    ['another value', { key: 'dedicated', value: 'db' }, false],
    ['no value', { key: 'dedicated' }, false],
    ['another effect', { key: 'dedicated', value: 'edge', effect: 'NoExecute' }, false],
    ['the key, whatever the value', { key: 'dedicated', operator: 'Exists' }, true],
    ['another key, whatever the value', { key: 'other', operator: 'Exists' }, false],
    ['everything', { operator: 'Exists' }, true],
    ['everything of one effect', { operator: 'Exists', effect: 'NoSchedule' }, true],
    ['everything of another effect', { operator: 'Exists', effect: 'NoExecute' }, false],
    ['no key, which goes with Exists only', {}, false],
  ])('of %s', (_name, toleration, expected) => {
    expect(tolerates(toleration, taint)).toBe(expected);
  });

  it('takes a taint without a value for one with an empty value', () => {
    expect(tolerates({ key: 'dedicated' }, { key: 'dedicated', effect: 'NoSchedule' })).toBe(true);
  });
});

describe('eligibleNodes', () => {
  const anywhere = { nodeSelector: {}, tolerations: [] };
  const control = node('control', {
    taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    labels: { role: 'control' },
  });

  it('chooses, without a selector, every node with a sidecar, and misses none without', () => {
    const { eligible, withoutSidecar } = eligibleNodes(anywhere, [
      node('b'),
      node('a'),
      node('c', { hasSidecar: false }),
    ]);
    expect([names(eligible), names(withoutSidecar)]).toEqual([['a', 'b'], []]);
  });

  it('names nodes that the selector chooses but that run no sidecar', () => {
    const labels = { role: 'edge' };
    const all = [node('a', { labels }), node('b', { labels, hasSidecar: false }), node('c', { hasSidecar: false })];
    const { eligible, withoutSidecar } = eligibleNodes({ ...anywhere, nodeSelector: { matchLabels: labels } }, all);
    expect([names(eligible), names(withoutSidecar)]).toEqual([['a'], ['b']]);
  });

  it('keeps away from tainted nodes unless they are tolerated', () => {
    expect(names(eligibleNodes(anywhere, [control]).eligible)).toEqual([]);
    const tolerations: Toleration[] = [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }];
    expect(names(eligibleNodes({ ...anywhere, tolerations }, [control]).eligible)).toEqual(['control']);
  });

  it('passes over what is no statement on the node: conditions, the cordon, preferences', () => {
    const sick = node('sick', {
      unschedulable: true,
      taints: [
        { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
        { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
        { key: 'dedicated', effect: 'PreferNoSchedule' },
      ],
    });
    expect(names(eligibleNodes(anywhere, [sick]).eligible)).toEqual(['sick']);
  });
});
