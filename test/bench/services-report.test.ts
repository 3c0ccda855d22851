import { describe, expect, it } from 'vitest';
import { missedServiceBudgets, servicesPart, serviceTable, unfinishedServiceCases } from './services-report.ts';
import { chooseServiceCases, type ServiceTitle } from './services-suites.ts';

function measured(title: ServiceTitle, ...runs: number[][]) {
  const [of] = chooseServiceCases([title], runs.length);
  if (of === undefined) throw new Error(`no case ${title}`);
  return { of, runs };
}

describe('the report on Services', () => {
  it('has a row for each figure, with what is promised of it', () => {
    const [, , published, held, answered] = serviceTable([measured('create', [50, 400, 420], [70, 480, 490])]).split(
      '\n',
    );
    expect(published).toBe('| a Service is made → its address is in its status | ms | 2 | 60.0 | 70.0 | 60 | 200 |');
    expect(held).toBe('| a Service is made → a node has the address | ms | 2 | 440 | 480 |  |  |');
    expect(answered).toBe('| a Service is made → its first answer | ms | 2 | 455 | 490 |  | 500 |');
  });

  it('names promises that were not kept, in their units', () => {
    const missed = missedServiceBudgets([measured('create', [61, 0, 0]), measured('many', [5.5, 10.5, 100])]);
    expect(missed).toEqual([
      'a Service is made → its address is in its status: median 61.0 ms, promised 60 ms',
      '1000 Services made at once → all answer: worst 10.5 s, promised 10 s',
    ]);
  });

  it('names cases that were measured too seldom', () => {
    const cases = chooseServiceCases(['create', 'node-cut'], 3);
    expect(unfinishedServiceCases(cases, [measured('create', [1, 2, 3])])).toEqual([
      'create: ended after 1 of 3 runs',
      'node-cut: ended after 0 of 3 runs',
    ]);
  });

  it('tells on the page what was not kept', () => {
    const conditions = { date: '2030-01-01', kubernetes: 'v1', repeatedRuns: 0 };
    expect(servicesPart([measured('give-back', [0])], conditions, [])).toContain('Every promise was kept.');
    expect(servicesPart([measured('give-back', [1])], conditions, ['x'])).toContain('- x');
  });
});

describe('the cases of Services', () => {
  it('can be one of several scales alone', () => {
    expect(chooseServiceCases(['many 5000'], undefined, 5000).map(({ title, scale }) => [title, scale])).toEqual([
      ['many', 5000],
    ]);
    expect(() => chooseServiceCases(['many 5000'], undefined)).toThrow('many 1000');
  });

  it('are of as many Services as is asked for besides, with what is promised of that', () => {
    expect(chooseServiceCases(['many'], undefined)).toHaveLength(1);
    const [usual, many] = chooseServiceCases(['many'], undefined, 5000);
    expect(usual?.figures.map(({ promised }) => promised?.worst)).toEqual([6, 10, 160]);
    expect(many?.figures.map(({ title, promised }) => [title.slice(0, 4), promised?.worst])).toEqual([
      ['5000', 30],
      ['5000', 45],
      ['memo', 160],
    ]);
    expect(
      unfinishedServiceCases(
        [usual, many].filter((each) => each !== undefined),
        [],
      ),
    ).toEqual(['many 1000: ended after 0 of 3 runs', 'many 5000: ended after 0 of 3 runs']);
  });

  it('are named when there is none of a title', () => {
    expect(() => chooseServiceCases(['nothing'], undefined)).toThrow(
      'nothing to measure is called nothing; there are: create',
    );
  });
});
