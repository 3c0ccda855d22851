import { describe, expect, it } from 'vitest';
import { statisticsOf } from './statistics.ts';

describe('statistics', () => {
  it('take the middle of an odd series and the mean of the two middles of an even one', () => {
    expect(statisticsOf([30, 10, 20])).toEqual({ runs: 3, bestMs: 10, medianMs: 20, worstMs: 30 });
    expect(statisticsOf([40, 10, 20, 30]).medianMs).toBe(25);
    expect(statisticsOf([7])).toEqual({ runs: 1, bestMs: 7, medianMs: 7, worstMs: 7 });
  });

  it('refuse an empty series', () => {
    expect(() => statisticsOf([])).toThrow(RangeError);
  });
});
