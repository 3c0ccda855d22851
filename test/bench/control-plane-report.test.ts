import { describe, expect, it } from 'vitest';
import type { Gap } from '../clients/api-load.ts';
import { type ChangeRun, isEven } from './control-plane-changes.ts';
import type { CostRun, WayCost } from './control-plane-cost.ts';
import { type FaultRun, faultRunOf } from './control-plane-faults.ts';
import {
  type ControlPlaneMeasurements,
  controlPlanePart,
  controlPlaneTables,
  missedControlPlaneBudgets,
  unfinishedControlPlaneCases,
} from './control-plane-report.ts';
import { chooseControlPlaneCases } from './control-plane-suites.ts';

/** Made-up figures. */
const RUN: FaultRun = {
  ...{ node: 'node1', failed: 0, unanswered: 0, lastFailedMs: null },
  ...{ watches: 10, watchesBackMs: 40, endedAgain: 0 },
};
const DIRECT: WayCost = { perSecond: 500, processorMs: null, p50Ms: 2, p99Ms: 6 };
const COST: CostRun = {
  direct: DIRECT,
  this: { perSecond: 450, processorMs: 0.3, p50Ms: 2.3, p99Ms: 7 },
  relay: { perSecond: 430, processorMs: 0.4, p50Ms: 2.2, p99Ms: 7 },
  residentBytes: 18_000_000,
  imageBytes: 11_400_000,
};

function measured(given: {
  readonly own?: readonly Partial<FaultRun>[];
  readonly relayed?: readonly Partial<FaultRun>[];
  readonly changes?: readonly ChangeRun[];
  readonly costs?: readonly CostRun[];
}): ControlPlaneMeasurements {
  const { own = [], relayed = [], changes = [], costs = [] } = given;
  const cases = chooseControlPlaneCases(['killed', 'rolling restart', 'cost'], undefined);
  const runs = (all: readonly Partial<FaultRun>[]) => all.map((changed) => ({ ...RUN, ...changed }));
  return {
    faults: cases.faults.flatMap((fault) => [
      ...(own.length > 0 ? [{ of: { ...fault, way: 'this' as const }, runs: runs(own) }] : []),
      ...(relayed.length > 0 ? [{ of: { ...fault, way: "k0s's way" as const }, runs: runs(relayed) }] : []),
    ]),
    changes: changes.length > 0 ? cases.changes.map((of) => ({ of, runs: changes })) : [],
    costs: costs.length > 0 ? cases.costs.map((of) => ({ of, runs: costs })) : [],
  };
}

describe('a fault as clients saw it', () => {
  const gap = (watch: number, from: string, closedAtMs: number): Gap => ({
    ...{ watch, from, closedAtMs, backAtMs: closedAtMs + 20, to: 'node3' },
  });
  const where = { node: 'node2', atMs: 1000, struck: { server: 'node2', watches: 2 } };

  it('counts requests that failed after it, also those that began before, and not those that had failed before', () => {
    const failures = [
      { atMs: 900, tookMs: 50, why: 'closed' },
      { atMs: 990, tookMs: 20, why: 'closed' },
      { atMs: 1200, tookMs: 3000, why: 'none' },
    ];
    expect(faultRunOf({ failures, gaps: [gap(1, 'node2', 1010), gap(2, 'node2', 1015)] }, where)).toEqual({
      ...{ node: 'node2', failed: 2, unanswered: 1, lastFailedMs: 200, watches: 2, watchesBackMs: 35, endedAgain: 0 },
    });
  });

  it('has watches that never came back when one of those of its server has no other, whatever others do', () => {
    const gaps = [gap(1, 'node2', 1010), gap(1, 'node2', 1100), gap(5, 'node1', 1020)];
    expect(faultRunOf({ failures: [], gaps }, where).watchesBackMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts for each watch the first time that it was without a server, and how often it ended once more later', () => {
    const gaps = [gap(1, 'node3', 3500), gap(1, 'node2', 1010), gap(2, 'node2', 1015), gap(5, 'node1', 3600)];
    expect(faultRunOf({ failures: [], gaps }, where)).toMatchObject({ watchesBackMs: 35, endedAgain: 1 });
    const all = { ...where, struck: { server: undefined, watches: 3 } };
    expect(faultRunOf({ failures: [], gaps }, all)).toMatchObject({ watchesBackMs: 2620, endedAgain: 1 });
  });

  it('strikes every watch when it is the node that all come to', () => {
    const gaps = [gap(1, 'node2', 1010), gap(2, 'node1', 1400)];
    const all = { ...where, struck: { server: undefined, watches: 2 } };
    expect(faultRunOf({ failures: [], gaps }, all).watchesBackMs).toBe(420);
  });
});

describe('watches are even', () => {
  it.each([
    ['each has its share', { a: 30, b: 31, c: 29 }, true],
    ['few differ by one', { a: 3, b: 4, c: 2 }, true],
    ['one has more', { a: 36, b: 27, c: 27 }, false],
    ['one has none', { a: 45, b: 45 }, false],
  ])('when %s: %o %s', (_, watching, even) => {
    expect(isEven(watching, 3)).toBe(even);
  });
});

describe('the report on the control plane', () => {
  it('has a row for each way, with the promise at the product’s own', () => {
    const tables = controlPlaneTables(
      measured({
        own: [{}, { failed: 1, lastFailedMs: 3 }],
        relayed: [{ failed: 330, lastFailedMs: 3900, watchesBackMs: Number.POSITIVE_INFINITY }],
      }),
    );
    expect(tables).toContain('| killed | this | 2 | 0.5 | 1 | 3.0 | 40.0 | 40.0 | 1 | 50 |');
    expect(tables).toContain("| killed | k0s's way | 1 | 330 | 330 | 3900 | not seen | not seen |  |  |");
  });

  it('compares what each way costs by medians of the same rounds', () => {
    const tables = controlPlaneTables(measured({ costs: [COST, COST] }));
    expect(tables).toContain("| 500 | 430 | 450 | 0.90 | 1.05 | 0.88 of direct, 1 of k0s's way |");
    expect(tables).toContain('|  | 0.40 | 0.30 |  | 0.75 | 0.35 |');
    expect(tables).toContain('|  |  | 18.0 |  |  | 20 |');
    expect(tables).toContain('|  |  | 11.4 |  |  | 16 |');
  });

  it('says that every promise was kept, and how clients ask', () => {
    const conditions = { date: '2026-01-02', kubernetes: 'v1.34.4', repeatedRuns: 0 };
    const given = { own: [{ endedAgain: 2 }, {}], relayed: [{ endedAgain: 9 }], costs: [COST] };
    const part = controlPlanePart(measured(given), conditions, []);
    expect(part).toContain('ended once more 2 times in 2 runs');
    expect(part).toContain('Every promise was kept.');
    expect(part).toContain('250 clients a second');
    expect(part).toContain('Kubernetes v1.34.4');
  });

  it('judges the product alone: failed requests and watches by the median, changes by the worst', () => {
    const missed = missedControlPlaneBudgets(
      measured({
        own: [{ failed: 2, watchesBackMs: 51 }],
        relayed: [{ failed: 330 }],
        changes: [
          { failed: 0, relayFailed: 9, timedMs: 40 },
          { failed: 1, relayFailed: 9, timedMs: 40 },
        ],
        costs: [{ ...COST, this: { ...COST.this, perSecond: 400, processorMs: 0.5 } }],
      }),
    );
    expect(missed).toEqual([
      'killed: median of failed requests 2.0 requests, promised 1 requests',
      'killed: median of watches back 51.0 ms, promised 50 ms',
      'rolling restart: most failed requests 1.0 requests, promised 0 requests',
      'new connections a second, of direct: 0.80, promised 0.88',
      "new connections a second, of k0s's way: 0.93, promised 1",
      'processor time for each connection 0.5 ms, promised 0.35 ms',
    ]);
  });

  it('names what was not measured as often as it was to be, by each way', () => {
    const cases = chooseControlPlaneCases(['killed'], 2);
    expect(unfinishedControlPlaneCases(cases, measured({ own: [{}, {}], relayed: [{}] }))).toEqual([
      "killed, k0s's way: ended after 1 of 2 runs",
    ]);
  });

  it('refuses a title that nothing has', () => {
    expect(() => chooseControlPlaneCases(['kiled'], undefined)).toThrow(
      'nothing to measure is called kiled; there are: killed, hangs, cut off',
    );
  });
});
