import { describe, expect, it } from 'vitest';
import { Backoff, doubled, spread } from './retry.ts';

describe('a time that is spread', () => {
  it('is moved by up to a quarter either way', () => {
    expect([0, 0.5, 1].map((random) => spread(100, () => random))).toEqual([75, 100, 125]);
  });
});

describe('a time that doubles', () => {
  it('does so with each failure, up to the longest', () => {
    const limits = { first: 0.5, longest: 10 };
    expect([0, 1, 2, 4, 5, 2000].map((failures) => doubled(failures, limits))).toEqual([0.5, 1, 2, 8, 10, 10]);
  });
});

describe('a backoff', () => {
  it('stays below its longest delay, and begins anew after a success', () => {
    const backoff = new Backoff({ firstMs: 100, maximumMs: 1000 });
    const delays = Array.from({ length: 50 }, () => backoff.next());
    expect(Math.max(...delays)).toBeLessThanOrEqual(1000);
    expect(Math.max(...delays.slice(10))).toBeGreaterThan(300);
    backoff.reset();
    expect(backoff.next()).toBeLessThanOrEqual(300);
  });
});
