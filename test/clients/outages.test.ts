import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attempt, findOutages, summarize } from './outages.ts';

function success(startMs: number, endMs: number, who = 'node1'): Attempt {
  return { startMs, endMs, ok: true, who };
}

function failure(startMs: number, endMs: number, who = 'timeout'): Attempt {
  return { startMs, endMs, ok: false, who };
}

describe('findOutages', () => {
  it('finds none when every attempt succeeded, however slow', () => {
    expect(findOutages([success(0, 1), success(5, 190), success(10, 11)])).toEqual([]);
  });

  it('finds none without attempts', () => {
    expect(findOutages([])).toEqual([]);
  });

  it('lasts from the end of the last success before to the end of the first success after', () => {
    const attempts = [
      success(0, 1),
      success(5, 6.5),
      failure(10, 11, 'ECONNREFUSED'),
      failure(15, 215),
      success(20, 22, 'node2'),
      success(25, 26, 'node2'),
    ];
    expect(findOutages(attempts)).toEqual([
      {
        fromMs: 6.5,
        toMs: 22,
        durationMs: 15.5,
        failedAttempts: 2,
        reasons: ['ECONNREFUSED', 'timeout'],
        before: 'node1',
        after: 'node2',
      },
    ]);
  });

  it('orders attempts by their start, not by when they ended or were told', () => {
    const told = [failure(10, 11), success(15, 16, 'node2'), success(0, 1)];
    expect(findOutages(told)).toMatchObject([{ fromMs: 1, toMs: 16, before: 'node1', after: 'node2' }]);
  });

  it('counts a success that started before the first failure and ended late as the last success before', () => {
    const [outage] = findOutages([success(0, 1), success(5, 40), failure(10, 210), success(50, 51, 'node2')]);
    expect(outage).toMatchObject({ fromMs: 40, toMs: 51, durationMs: 11 });
  });

  it('is never negative', () => {
    const [outage] = findOutages([success(0, 100), failure(5, 6), success(10, 11, 'node2')]);
    expect(outage?.durationMs).toBe(0);
  });

  it('reports failures that are separated by a success as two outages', () => {
    const attempts = [success(0, 1), failure(5, 6), success(10, 11), failure(15, 16), success(20, 21, 'node2')];
    expect(findOutages(attempts).map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
      [1, 11],
      [11, 21],
    ]);
  });

  it('counts from the first attempt when nothing had answered before', () => {
    expect(findOutages([failure(3, 4), success(8, 9)])).toMatchObject([{ fromMs: 3, toMs: 9, before: null }]);
  });

  it('counts to the end of the last failure when nothing answered afterwards', () => {
    const outages = findOutages([success(0, 1), failure(5, 205), failure(10, 11)]);
    expect(outages).toMatchObject([{ fromMs: 1, toMs: 205, failedAttempts: 2, after: null }]);
  });

  it('covers each failed attempt exactly once', () => {
    const attempt = fc.record({
      startMs: fc.integer({ min: 0, max: 1000 }),
      took: fc.integer({ min: 0, max: 200 }),
      ok: fc.boolean(),
      who: fc.constantFrom('node1', 'node2'),
    });
    fc.assert(
      fc.property(fc.array(attempt), (raw) => {
        const attempts = raw.map(({ took, ...rest }) => ({ ...rest, endMs: rest.startMs + took }));
        const outages = findOutages(attempts);
        const failed = outages.reduce((sum, outage) => sum + outage.failedAttempts, 0);
        expect(failed).toBe(attempts.filter(({ ok }) => !ok).length);
        expect(outages.every(({ durationMs }) => durationMs >= 0)).toBe(true);
      }),
    );
  });
});

describe('summarize', () => {
  it('counts attempts, failures and who answered, and adds the outages up', () => {
    const attempts = [
      success(0, 1),
      failure(5, 6),
      success(10, 12, 'node2'),
      failure(15, 16),
      failure(20, 21),
      success(25, 28, 'node2'),
    ];
    expect(summarize(attempts)).toMatchObject({
      attempts: 6,
      failed: 3,
      longestOutageMs: 16,
      totalOutageMs: 27,
      longestSilenceMs: 16,
      answeredBy: { node1: 1, node2: 2 },
    });
  });

  it('gives nearest-rank percentiles of the successful attempts', () => {
    const attempts = Array.from({ length: 100 }, (_, index) => success(index * 5, index * 5 + index + 1));
    expect(summarize([...attempts, failure(0, 200)]).latencyMs).toEqual({ p50: 50, p95: 95, p99: 99, max: 100 });
  });

  it('rounds a rank up, so that a percentile is one of the values', () => {
    const attempts = [success(0, 10), success(5, 25), success(10, 40)];
    expect(summarize(attempts).latencyMs).toEqual({ p50: 20, p95: 30, p99: 30, max: 30 });
  });

  it('shows a standstill in which no attempt failed', () => {
    expect(summarize([success(0, 1), success(5, 150), success(10, 151)]).longestSilenceMs).toBe(149);
  });

  it('gives no latency when nothing answered', () => {
    expect(summarize([failure(0, 200)])).toMatchObject({ latencyMs: null, longestSilenceMs: 0, answeredBy: {} });
  });
});
