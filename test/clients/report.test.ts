import { describe, expect, it } from 'vitest';
import { summarize } from './outages.ts';
import { formatReports } from './report.ts';

describe('formatReports', () => {
  const base = { kind: 'regular', intervalMs: 5, timeoutMs: 200, missedSlots: 0 } as const;

  it('says each outage with its length, who answered before and after, and why attempts failed', () => {
    const attempts = [
      { startMs: 0, endMs: 1, ok: true, who: 'node1' },
      { startMs: 5, endMs: 6, ok: false, who: 'ECONNREFUSED' },
      { startMs: 10, endMs: 11, ok: true, who: 'node2' },
    ];
    const text = formatReports([{ ...base, addresses: [{ address: '172.30.0.100', ...summarize(attempts) }] }]);
    expect(text).toContain('172.30.0.100, regular client, a connection every 5 ms: 3 attempts, 1 failed');
    expect(text).toContain('outage 10.0 ms  node1 -> node2  1 failed (ECONNREFUSED)');
  });

  it('says when the machine was too busy to measure', () => {
    const text = formatReports([
      { ...base, missedSlots: 12, addresses: [{ address: '172.30.0.100', ...summarize([]) }] },
    ]);
    expect(text).toContain('12 attempts were not made: the machine was too busy');
    expect(text).toContain('no outage');
  });
});
