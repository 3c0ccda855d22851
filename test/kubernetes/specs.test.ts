import { describe, expect, it } from 'vitest';
import { resultsTable, summary } from './report.ts';
import type { SpecResult } from './run.ts';
import { byNodes, chooseSpecs, inOrder, SPECS, type Spec, shortTitle } from './specs.ts';

const spec = (title: string, more: Partial<Spec> = {}): Spec => {
  return { title, group: 'neighbour', limitSeconds: 60, nodes: 2, ...more };
};

describe("Kubernetes' tests", () => {
  it('are the seventeen of load balancers, and six of their neighbours', () => {
    const count = (group: Spec['group']) => SPECS.filter((each) => each.group === group).length;
    expect([count('load balancer'), count('neighbour')]).toEqual([17, 6]);
  });

  it('are each told apart from the others by their words', () => {
    const titles = SPECS.map(({ title }) => title);
    expect(titles.filter((title) => titles.some((other) => other !== title && other.includes(title)))).toEqual([]);
    expect(new Set(SPECS.map(shortTitle)).size).toBe(SPECS.length);
  });

  it('are chosen by a text in any case, or by being quick, or both', () => {
    const all = [spec('UDP one', { quick: true }), spec('UDP two'), spec('TCP', { quick: true })];
    const chosen = (asked: Parameters<typeof chooseSpecs>[0]) => chooseSpecs(asked, all).map(({ title }) => title);
    expect(chosen({})).toEqual(['UDP one', 'UDP two', 'TCP']);
    expect(chosen({ focus: ['udp'] })).toEqual(['UDP one', 'UDP two']);
    expect(chosen({ focus: ['two', 'tcp'] })).toEqual(['UDP two', 'TCP']);
    expect(chosen({ quick: true, focus: ['udp'] })).toEqual(['UDP one']);
  });

  it('begin with the longest where several run at once', () => {
    const all = [spec('one'), spec('long', { limitSeconds: 900 }), spec('two')];
    const titles = (atOnce: number) => inOrder(all, atOnce).map(({ title }) => title);
    expect([titles(1), titles(2)]).toEqual([
      ['one', 'long', 'two'],
      ['long', 'one', 'two'],
    ]);
  });

  it('are run on as many nodes as they need, or on as many as are asked for', () => {
    const all = [spec('three', { nodes: 3 }), spec('two'), spec('two more')];
    const groups = (nodes?: number) => byNodes(all, nodes).map((each) => [each.nodes, each.specs.length]);
    expect(groups()).toEqual([
      [2, 2],
      [3, 1],
    ]);
    expect(groups(4)).toEqual([[4, 3]]);
  });

  it('are reported with result, time and reason', () => {
    const results: SpecResult[] = [
      { spec: spec('should do one'), result: 'passed', seconds: 12.4, log: '/log/1' },
      { spec: spec('should do two'), result: 'failed', why: 'it did not', seconds: 3, log: '/log/2' },
    ];
    expect(resultsTable(results)).toBe(
      [
        'GROUP      TEST    RESULT  TIME',
        'neighbour  do one  passed  12 s',
        'neighbour  do two  failed  3 s   it did not',
      ].join('\n'),
    );
    expect(summary(results)).toBe('1 passed, 1 failed, 0 skipped');
  });
});
