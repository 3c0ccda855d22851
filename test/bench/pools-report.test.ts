import { describe, expect, it } from 'vitest';
import {
  missedPoolBudgets,
  type PoolFaultRun,
  type PoolMeasurements,
  poolPart,
  poolTables,
  unfinishedCases,
} from './pools-report.ts';
import { choosePoolCases } from './pools-suites.ts';

/** Made-up figures. */
const RUN: PoolFaultRun = { node: 'node1', outageMs: 250, shares: [3, 3], healOutageMs: 0, healedShares: [2, 2, 2] };

function measured(cut: readonly Partial<PoolFaultRun>[], edits: readonly (readonly number[])[]): PoolMeasurements {
  const { faults, timings } = choosePoolCases(['link-cut', 'edit'], undefined);
  return {
    faults: faults.map((of) => ({ of, runs: cut.map((changes) => ({ ...RUN, ...changes })) })),
    timings: timings.map((of) => ({ of, runs: edits })),
  };
}

describe('the report on pools', () => {
  it('has a row for each fault and each figure', () => {
    const tables = poolTables(
      measured(
        [{}, { outageMs: 300 }],
        [
          [900, 0],
          [1100, 0],
        ],
      ),
    );
    expect(tables).toContain('| link-cut | 2 | 275 | 300 | 3 + 3 | 0.0 | 2 + 2 + 2 | 400 |');
    expect(tables).toContain('its first answer | 2 | 1000 | 1100 | 3000 |');
    expect(tables).toContain('longest outage of the six others | 2 | 0.0 | 0.0 | 0 |');
  });

  it('says that every promise was kept, and how often clients ask', () => {
    const part = poolPart(
      measured([{}], [[900, 0]]),
      { date: '2026-01-02', kubernetes: 'v1.34.4', repeatedRuns: 0 },
      [],
    );
    expect(part).toContain('Every promise was kept.');
    expect(part).toContain('every 20 ms');
    expect(part).toContain('Kubernetes v1.34.4');
  });

  it('names outages and times that are longer than promised', () => {
    expect(
      missedPoolBudgets(
        measured(
          [{}, { outageMs: 401 }],
          [
            [3001, 0],
            [900, 40.5],
          ],
        ),
      ),
    ).toEqual([
      'link-cut: worst 401 ms, promised 400 ms',
      '`kubectl patch` adds an address → its first answer: worst 3001 ms, promised 3000 ms',
      'an address added and removed: longest outage of the six others: worst 40.5 ms, promised 0 ms',
    ]);
  });

  it('names shares that are not even', () => {
    expect(missedPoolBudgets(measured([{}, { shares: [4, 2] }, { healedShares: [] }], [[900, 0]]))).toEqual([
      'link-cut: shares 4 + 2 in 1 of 3 runs, promised 3 + 3',
      'link-cut, healed: shares none in 1 of 3 runs, promised 2 + 2 + 2',
    ]);
  });

  it('lists on the page what was promised and not kept', () => {
    const conditions = { date: '2026-01-02', kubernetes: 'v1.34.4', repeatedRuns: 0 };
    const part = poolPart(measured([{}], [[900, 0]]), conditions, ['many: ended after 2 of 5 runs']);
    expect(part).toContain('Promises that were not kept:\n\n- many: ended after 2 of 5 runs');
  });

  it('names what was not measured as often as it was to be', () => {
    const cases = choosePoolCases(['link-cut', 'edit', 'upgrade'], 2);
    expect(unfinishedCases(cases, measured([{}, {}], [[900, 0]]))).toEqual([
      'edit: ended after 1 of 2 runs',
      'upgrade: ended after 0 of 2 runs',
    ]);
  });

  it('has no table for what was not measured', () => {
    expect(poolTables({ faults: [], timings: [] })).toBe('');
    expect(missedPoolBudgets({ faults: [], timings: [] })).toEqual([]);
  });
});

describe('the cases of pools', () => {
  it('are all, as often as usual, where nothing is chosen', () => {
    const { faults, timings } = choosePoolCases(undefined, undefined);
    expect(faults.map(({ title, runs }) => `${title} ${runs}`)).toEqual([
      'link-cut 10',
      'node-crash 10',
      'ingress-crash 10',
      'drain 10',
      'cordon 10',
    ]);
    expect(timings.map(({ title, runs }) => `${title} ${runs}`)).toEqual(['edit 10', 'many 5', 'upgrade 3']);
  });

  it('are those that are named, as often as said', () => {
    const { faults, timings } = choosePoolCases(['drain', 'many'], 2);
    expect([...faults, ...timings].map(({ title, runs }) => [title, runs])).toEqual([
      ['drain', 2],
      ['many', 2],
    ]);
  });

  it('are refused where none is called so, with those that there are', () => {
    expect(() => choosePoolCases(['flood'], undefined)).toThrow(/flood; there are: link-cut, .*upgrade$/);
  });
});
