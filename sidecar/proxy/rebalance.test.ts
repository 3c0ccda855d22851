import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObservedSession } from './observed.ts';
import {
  afterClosing,
  NOTHING_REBALANCED,
  paceRebalancing,
  type RebalanceMemory,
  sessionsToClose,
  surplusOf,
} from './rebalance.ts';

function shares(...sessions: number[]) {
  return sessions.map((count, index) => ({ name: `s${index}`, sessions: count, weight: 100 }));
}

describe('what servers have above their share', () => {
  it('is nothing within the tolerance, and nothing of few', () => {
    expect(surplusOf(shares(105, 100, 95), 0.1)).toEqual(new Map());
    expect(surplusOf(shares(3, 2, 1), 0.1)).toEqual(new Map());
    expect(surplusOf(shares(4), 0.1)).toEqual(new Map());
    expect(surplusOf([], 0.1)).toEqual(new Map());
  });

  it('is what is above the even share when one has come back', () => {
    expect(surplusOf(shares(150, 150, 0), 0.1)).toEqual(
      new Map([
        ['s0', 50],
        ['s1', 50],
      ]),
    );
  });

  it('is measured by how much a server is given while it starts slowly', () => {
    const starting = { name: 's2', sessions: 0, weight: 1 };
    expect(surplusOf([...shares(150, 150), starting], 0.1)).toEqual(new Map());
    const further = { name: 's2', sessions: 0, weight: 50 };
    expect([...surplusOf([...shares(150, 150), further], 0.1).values()]).toEqual([30, 30]);
  });

  it('never is more than what others lack', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 7 }), (counts) => {
        const share = counts.reduce((sum, count) => sum + count, 0) / counts.length;
        const lacking = counts.reduce((sum, count) => sum + Math.max(0, share - count), 0);
        const surplus = [...surplusOf(shares(...counts), 0.1).values()].reduce((sum, more) => sum + more, 0);
        expect(surplus).toBeLessThanOrEqual(lacking + 1e-6);
      }),
    );
  });
});

describe('rebalancing', () => {
  const surplus = new Map([
    ['s0', 50],
    ['s1', 50],
  ]);
  const settled: RebalanceMemory = { unevenSinceMs: 0, closed: 0, most: 100, restUntilMs: 0 };
  const total = (close: ReadonlyMap<string, number>) => [...close.values()].reduce((sum, count) => sum + count, 0);

  it('waits until clients that lost a server have found another one', () => {
    const first = paceRebalancing(NOTHING_REBALANCED, surplus, { budget: 25, nowMs: 5000 });
    expect(first.close.size).toBe(0);
    expect(paceRebalancing(first.memory, surplus, { budget: 25, nowMs: 5999 }).close.size).toBe(0);
    expect(total(paceRebalancing(first.memory, surplus, { budget: 25, nowMs: 6000 }).close)).toBe(26);
  });

  it('closes no more at once than it may, and no more than is too many', () => {
    expect(total(paceRebalancing(settled, surplus, { budget: 10, nowMs: 2000 }).close)).toBe(10);
    expect(total(paceRebalancing(settled, new Map([['s0', 3]]), { budget: 10, nowMs: 2000 }).close)).toBe(3);
  });

  it('gives up for a minute where closing does not help', () => {
    let memory = settled;
    let closed = 0;
    for (let nowMs = 2000; nowMs < 20_000; nowMs += 250) {
      const step = paceRebalancing(memory, surplus, { budget: 25, nowMs });
      memory = afterClosing(step.memory, total(step.close));
      closed += total(step.close);
    }
    expect(closed).toBeLessThan(400);
    expect(memory.restUntilMs).toBeGreaterThan(60_000);
    const after = paceRebalancing(memory, surplus, { budget: 25, nowMs: memory.restUntilMs });
    expect(after.memory.unevenSinceMs).toBe(memory.restUntilMs);
  });

  it('has patience for what a server is to get that starts slowly, not for the little that it is given first', () => {
    let memory: RebalanceMemory = { unevenSinceMs: 0, closed: 0, most: 0, restUntilMs: 0 };
    for (let step = 0; step < 40; step += 1) {
      const paced = paceRebalancing(memory, new Map([['s0', 1 + step]]), { budget: 3, nowMs: 2000 + step * 250 });
      memory = afterClosing(paced.memory, total(paced.close));
    }
    expect(memory.restUntilMs).toBe(0);
  });

  it('does not lose patience while there is nothing old enough to be closed', () => {
    let memory = settled;
    for (let nowMs = 2000; nowMs < 20_000; nowMs += 250) {
      memory = afterClosing(paceRebalancing(memory, surplus, { budget: 25, nowMs }).memory, 0);
    }
    expect(memory.restUntilMs).toBe(0);
  });

  it('begins anew when it was even in between', () => {
    const even = paceRebalancing(settled, new Map(), { budget: 25, nowMs: 3000 });
    expect(even.memory.unevenSinceMs).toBeNull();
  });

  it('takes the oldest connections of the section, and none that may be a single request', () => {
    const session = (id: string, given: Partial<ObservedSession>): ObservedSession => {
      return {
        id,
        section: 'api',
        server: 's0',
        ageSeconds: 60,
        serverSide: 'established',
        unanswered: false,
        ...given,
      };
    };
    const sessions = [
      session('young', { ageSeconds: 1 }),
      session('old', { ageSeconds: 100 }),
      session('older', { ageSeconds: 200 }),
      session('oldest', { ageSeconds: 300, serverSide: 'closed' }),
      session('other', { server: 's1' }),
      session('elsewhere', { section: 'port-9345', ageSeconds: 900 }),
    ];
    expect(sessionsToClose('api', new Map([['s0', 1]]), sessions)).toEqual(['older']);
    expect(sessionsToClose('api', new Map([['s0', 5]]), sessions)).toEqual(['older', 'old']);
  });
});
