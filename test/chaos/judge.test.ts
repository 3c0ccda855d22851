import { describe, expect, it } from 'vitest';
import type { Outage } from '../clients/outages.ts';
import type { HolderSpan } from '../support/holdings.ts';
import { figuresOf, violationsOf } from './judge.ts';

const TIMES = { beganMs: 0, healedMs: 10_000, endedMs: 20_000 };

function round(spans: readonly [number, number, ...string[]][], outages: readonly [number, number][] = []) {
  return {
    address: '192.0.2.1',
    spans: spans.map(([fromMs, toMs, ...nodes]): HolderSpan => ({ fromMs, toMs, nodes })),
    outages: outages.map(
      ([fromMs, toMs]): Outage => ({
        ...{ fromMs, toMs, durationMs: toMs - fromMs },
        ...{ failedAttempts: 1, reasons: ['timeout'], before: 'a', after: 'b' },
      }),
    ),
  };
}

describe('the judge of chaos', () => {
  it('finds nothing wrong with a hand-over and a return', () => {
    const good = round(
      [
        [0, 1000, 'a'],
        [1000, 1300],
        [1300, 12_000, 'b'],
        [12_000, 12_040, 'a', 'b'],
        [12_040, 20_000, 'a'],
      ],
      [[990, 1310]],
    );
    expect(violationsOf(good, TIMES)).toEqual([]);
    expect(figuresOf([good], TIMES)).toEqual({ outageMs: 320, settledMs: 0, twoHoldersMs: 40, noHolderMs: 300 });
  });

  it.each([
    [
      'two holders for too long',
      round([
        [0, 5000, 'a'],
        [5000, 6500, 'a', 'b'],
        [6500, 20_000, 'b'],
      ]),
      /two nodes for 1.50 s/,
    ],
    [
      'none for too long',
      round([
        [0, 5000, 'a'],
        [5000, 9000],
        [9000, 20_000, 'b'],
      ]),
      /no node for 4.00 s/,
    ],
    [
      'none after the repair',
      round([
        [0, 9500, 'a'],
        [9500, 10_900],
        [10_900, 10_950, 'a', 'b'],
        [10_950, 13_100],
        [13_100, 20_000, 'b'],
      ]),
      /not exactly one holder after the repair for 3.10 s/,
    ],
    [
      'clients that are not served after the repair',
      round([[0, 20_000, 'a']], [[9000, 13_500]]),
      /not served after the repair for 3.50 s/,
    ],
  ] as const)('finds %s', (_, bad, sentence) => {
    const found = violationsOf(bad, TIMES);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(sentence);
    expect(found[0]).toMatch(/^192\.0\.2\.1 /);
  });

  it('finds an address that never came back', () => {
    expect(
      violationsOf(
        round([
          [0, 5000, 'a'],
          [5000, 20_000],
        ]),
        TIMES,
      ).join(),
    ).toMatch(/no node for 15.00 s.*after the repair for 10.00 s/);
  });
});
