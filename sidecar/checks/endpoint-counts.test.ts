import { describe, expect, it } from 'vitest';
import { EndpointCounts } from './endpoint-counts.ts';

describe('how many endpoints kube-proxy counts', () => {
  it('is remembered by whether there are several, and since when', () => {
    let nowMs = 1;
    const counts = new EndpointCounts(() => nowMs);
    expect([counts.note('a', {}), counts.get('a')]).toEqual([false, undefined]);
    expect([counts.note('a', { endpoints: 1 }), counts.get('a')]).toEqual([true, { several: false, sinceMs: 1 }]);
    nowMs = 2;
    expect([counts.note('a', { endpoints: 0 }), counts.note('a', {})]).toEqual([false, false]);
    expect([counts.note('a', { endpoints: 2 }), counts.note('a', { endpoints: 3 })]).toEqual([true, false]);
    expect([counts.get('a'), counts.get('b')]).toEqual([{ several: true, sinceMs: 2 }, undefined]);
    counts.keepOnly(new Map([['a', 0]]));
    expect(counts.get('a')).toBeDefined();
    counts.keepOnly(new Map());
    expect(counts.get('a')).toBeUndefined();
  });
});
