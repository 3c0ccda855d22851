import { describe, expect, it } from 'vitest';
import type { Toleration } from '../../api/virtual-ip-pool.ts';
import { eligibleNodes, tolerates } from './eligibility.ts';
import { node } from './testing/scenes.ts';

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}

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
