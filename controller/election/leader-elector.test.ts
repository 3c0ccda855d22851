import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { FakeLease } from '../testing/fake-lease.ts';
import { LeaderElector, type Term } from './leader-elector.ts';

const OPTIONS = { durationSeconds: 15, renewSeconds: 10, retrySeconds: 2 };

interface Candidate {
  readonly elector: LeaderElector;
  readonly terms: Term[];
  readonly errors: unknown[];
}

let time: ManualTime;
let lease: FakeLease;

function candidate(identity: string, from: FakeLease = lease): Candidate {
  const terms: Term[] = [];
  const errors: unknown[] = [];
  const elector = new LeaderElector(
    { identity, ...OPTIONS },
    {
      leases: from,
      clock: time,
      timers: time,
      random: () => 0.5,
      onTerm: (term) => terms.push(term),
      onError: (error) => errors.push(error),
    },
  );
  elector.start();
  from.watch((record) => elector.observe(record));
  return { elector, terms, errors };
}

beforeEach(() => {
  time = new ManualTime();
  lease = new FakeLease();
});

describe('the election', () => {
  it('makes the lease, and its maker leads', async () => {
    const a = candidate('a');
    await time.advance(0);
    expect(a.elector.leading).toBe(true);
    expect(lease.record).toMatchObject({ holder: 'a', durationSeconds: 15, transitions: 0 });
  });

  it('does nothing before it knows of the lease', async () => {
    const elector = new LeaderElector(
      { identity: 'a', ...OPTIONS },
      { leases: lease, clock: time, timers: time, random: () => 0, onTerm: vi.fn(), onError: vi.fn() },
    );
    elector.start();
    await time.advance(60_000);
    expect(lease.requests).toEqual({ read: 0, create: 0, replace: 0 });
  });

  it('has one leader, who renews, while the others ask nothing', async () => {
    const a = candidate('a');
    await time.advance(0);
    const b = candidate('b');
    const before = { ...lease.requests };
    await time.advance(60_000);
    expect([a.elector.leading, b.elector.leading]).toEqual([true, false]);
    expect(b.elector.leader).toBe('a');
    expect(lease.requests).toEqual({ ...before, replace: before.replace + 30 });
    expect(a.terms).toHaveLength(1);
    expect(a.terms[0]?.holds()).toBe(true);
  });

  it('gives the lease back when it stops, and another takes it at once', async () => {
    const a = candidate('a');
    await time.advance(0);
    const b = candidate('b');
    await a.elector.stop();
    await a.elector.stop();
    expect(a.terms[0]?.signal.aborted).toBe(true);
    await time.advance(0);
    expect(b.elector.leading).toBe(true);
    expect(lease.record).toMatchObject({ holder: 'b', transitions: 1, durationSeconds: 15 });
  });

  it('stops acting when renewing failed for the time that it may, before another can take over', async () => {
    const a = candidate('a');
    await time.advance(0);
    lease.mode = 'fails';
    await time.advance(9_999);
    expect(a.terms[0]?.signal.aborted).toBe(false);
    await time.advance(1);
    expect(a.terms[0]?.signal.aborted).toBe(true);
    expect(a.elector.leading).toBe(false);
    expect(a.errors.length).toBeGreaterThanOrEqual(4);
  });

  it('stops acting in time also when the API server says nothing at all', async () => {
    const a = candidate('a');
    await time.advance(0);
    lease.mode = 'hangs';
    await time.advance(10_000);
    expect(a.terms[0]?.signal.aborted).toBe(true);
  });

  it('does not act after a standstill of the process, even before its timers ran', async () => {
    const a = candidate('a');
    await time.advance(0);
    time.stall(10_000);
    expect(a.terms[0]?.signal.aborted).toBe(false);
    expect(a.terms[0]?.holds()).toBe(false);
    expect(a.elector.leading).toBe(false);
  });

  it('leads again, in a new term, when the API is back and nobody took the lease', async () => {
    const a = candidate('a');
    await time.advance(0);
    lease.mode = 'fails';
    await time.advance(30_000);
    lease.mode = 'works';
    await time.advance(3_000);
    expect(a.elector.leading).toBe(true);
    expect(a.terms).toHaveLength(2);
  });

  it('takes the lease of a leader that has gone without a word, after the lease’s time by its own clock', async () => {
    const gone = candidate('a');
    await time.advance(0);
    const b = candidate('b');
    lease.mode = 'fails';
    await gone.elector.stop();
    lease.mode = 'works';
    await time.advance(14_999);
    expect(b.elector.leading).toBe(false);
    await time.advance(400);
    expect(b.elector.leading).toBe(true);
    expect(lease.record?.transitions).toBe(1);
  });

  it('is not taken in by a holder whose clock is wrong', async () => {
    lease.record = {
      holder: 'a',
      durationSeconds: 15,
      acquireTime: '1999-01-01T00:00:00.000Z',
      renewTime: '1999-01-01T00:00:00.000Z',
      transitions: 3,
      resourceVersion: '0',
    };
    const b = candidate('b');
    await time.advance(14_000);
    expect(b.elector.leading).toBe(false);
  });

  it('resumes the lease of its own predecessor in the same pod at once', async () => {
    candidate('a');
    await time.advance(0);
    lease.mode = 'fails';
    const after = new FakeLease();
    after.record = lease.record;
    const again = candidate('a', after);
    await time.advance(0);
    expect(again.elector.leading).toBe(true);
    expect(after.record?.transitions).toBe(0);
  });

  it('has one leader when several see it run out at one moment', async () => {
    const gone = candidate('a');
    await time.advance(0);
    const others = [candidate('b'), candidate('c'), candidate('d')];
    lease.mode = 'fails';
    await gone.elector.stop();
    lease.mode = 'works';
    await time.advance(16_000);
    expect(others.filter(({ elector }) => elector.leading)).toHaveLength(1);
    await time.advance(60_000);
    expect(others.filter(({ elector }) => elector.leading)).toHaveLength(1);
  });

  it('ends the term at once when another holds the lease', async () => {
    const a = candidate('a');
    await time.advance(0);
    const record = lease.record;
    if (record === undefined) throw new Error('there is a lease');
    await lease.replace({ ...record, holder: 'b' });
    expect(a.terms[0]?.signal.aborted).toBe(true);
  });

  it('makes the lease again when it was deleted', async () => {
    const a = candidate('a');
    await time.advance(0);
    lease.record = undefined;
    await time.advance(5_000);
    expect(a.elector.leading).toBe(true);
    expect(lease.requests.create).toBe(2);
  });

  it('stays the same leader’s when etcd was restored to an older state of the lease', async () => {
    const a = candidate('a');
    await time.advance(0);
    const { record } = lease;
    if (record === undefined) throw new Error('there is a lease');
    const b = candidate('b');
    await time.advance(20_000);
    lease.restore(record);
    const leading: string[] = [];
    for (let second = 0; second < 60; second += 1) {
      await time.advance(1000);
      leading.push(`${a.elector.leading} ${b.elector.leading} ${b.elector.leader}`);
    }
    expect(new Set(leading)).toEqual(new Set(['true false a']));
    expect(a.terms).toHaveLength(1);
    expect(lease.record?.transitions).toBe(0);
  });
});
