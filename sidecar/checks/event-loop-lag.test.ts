import { describe, expect, it, vi } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { EventLoopLag } from './event-loop-lag.ts';

function setUp() {
  const time = new ManualTime();
  const lag = new EventLoopLag({ sampleMillis: 50 }, { clock: time, timers: time });
  lag.start();
  return { time, lag };
}

describe('EventLoopLag', () => {
  it('sees nothing while timers come in time', async () => {
    const { time, lag } = setUp();
    await time.advance(1000);
    expect(lag.stalledDuring(0, 1000)).toBe(0);
    expect(lag.maxSince(0)).toBe(0);
  });

  it('reports a standstill to every window that overlaps it, and to no other', async () => {
    const { time, lag } = setUp();
    await time.advance(120);
    time.stall(330);
    await time.advance(550);
    // The timer was due at 150 and came at 450.
    expect(lag.stalledDuring(0, 1000)).toBe(300);
    expect(lag.stalledDuring(400, 500)).toBe(300);
    expect(lag.stalledDuring(0, 151)).toBe(300);
    expect(lag.stalledDuring(0, 150)).toBe(0);
    expect(lag.stalledDuring(450, 1000)).toBe(0);
  });

  it('reports the longest of several', async () => {
    const { time, lag } = setUp();
    for (const ms of [100, 400, 200]) {
      time.stall(ms);
      await time.advance(100);
    }
    expect(lag.stalledDuring(0, 10_000)).toBe(350);
  });

  it('knows of a standstill that has just ended before its own timer has come', () => {
    const { time, lag } = setUp();
    time.stall(500);
    expect(lag.stalledDuring(100, 500)).toBe(450);
  });

  it('tells a metric the longest since a moment', async () => {
    const { time, lag } = setUp();
    time.stall(500);
    await time.advance(100);
    time.stall(200);
    await time.advance(100);
    expect(lag.maxSince(0)).toBe(450);
    expect(lag.maxSince(500)).toBe(150);
    expect(lag.maxSince(900)).toBe(0);
  });

  it('keeps a bounded number of standstills, the last minute at least', async () => {
    const { time, lag } = setUp();
    for (let count = 0; count < 5000; count += 1) {
      time.stall(count === 3700 ? 90 : 60);
      await time.advance(0);
    }
    const nowMs = time.monotonicMs();
    expect(lag.stalledDuring(nowMs - 60_000, nowMs)).toBe(10);
    expect(lag.maxSince(0)).toBe(40);
    expect(lag.stalledDuring(0, nowMs / 2)).toBe(0);
  });

  it('does not take the time in which it was stopped for a standstill', async () => {
    const { time, lag } = setUp();
    await time.advance(100);
    lag.stop();
    lag.stop();
    expect(time.pending).toBe(0);
    await time.advance(5000);
    expect(lag.maxSince(0)).toBe(0);
    lag.start();
    lag.start();
    expect(time.pending).toBe(1);
    await time.advance(1000);
    expect(lag.maxSince(0)).toBe(0);
  });

  it('measures a real standstill of the event loop', async () => {
    const lag = new EventLoopLag({ sampleMillis: 10 });
    lag.start();
    const fromMs = performance.now();
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(fromMs + 20));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    expect(lag.stalledDuring(fromMs, performance.now())).toBeGreaterThan(130);
    lag.stop();
  });
});
