import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { RunLoop } from './run-loop.ts';

let time: ManualTime;

function loop(run: () => Promise<number | undefined>, onError = vi.fn()) {
  const made = new RunLoop({ debounceMs: 50, resyncMs: 600_000 }, { run, clock: time, timers: time, onError });
  made.start();
  return made;
}

beforeEach(() => {
  time = new ManualTime();
});

describe('the run loop', () => {
  it('answers many requests with one run, soon after the first', async () => {
    const run = vi.fn(async () => undefined);
    const made = loop(run);
    made.request();
    await time.advance(40);
    made.request();
    made.request();
    await time.advance(9);
    expect(run).not.toHaveBeenCalled();
    await time.advance(1);
    expect(run).toHaveBeenCalledOnce();
    await time.advance(1000);
    expect(run).toHaveBeenCalledOnce();
  });

  it('runs sooner for what somebody waits for', async () => {
    const run = vi.fn(async () => undefined);
    const made = loop(run);
    made.request();
    made.request(5);
    await time.advance(4);
    expect(run).not.toHaveBeenCalled();
    await time.advance(1);
    expect(run).toHaveBeenCalledOnce();
    await time.advance(1000);
    expect(run).toHaveBeenCalledOnce();
  });

  it('never runs twice at a time, and answers what was asked meanwhile afterwards', async () => {
    const ends: (() => void)[] = [];
    const run = vi.fn(() => new Promise<undefined>((resolve) => ends.push(() => resolve(undefined))));
    const made = loop(run);
    made.request();
    await time.advance(50);
    made.request();
    await time.advance(5000);
    expect(run).toHaveBeenCalledOnce();
    ends[0]?.();
    await time.advance(0);
    await time.advance(0);
    expect(run).toHaveBeenCalledTimes(2);
    ends[1]?.();
  });

  it('runs again when the work says that time alone changes something', async () => {
    const run = vi.fn(async () => (run.mock.calls.length === 1 ? 300 : undefined));
    loop(run).request();
    await time.advance(50);
    await time.advance(300);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('tries again after a failure, later each time, and answers requests meanwhile', async () => {
    const onError = vi.fn();
    const run = vi.fn(async () => {
      throw new Error('503');
    });
    const made = loop(run, onError);
    made.request();
    await time.advance(120_000);
    expect(run.mock.calls.length).toBeGreaterThan(5);
    expect(run.mock.calls.length).toBeLessThan(100);
    expect(onError).toHaveBeenCalledTimes(run.mock.calls.length);
    const before = run.mock.calls.length;
    made.request();
    await time.advance(50);
    expect(run).toHaveBeenCalledTimes(before + 1);
  });

  it('runs once in a long while without being asked', async () => {
    const run = vi.fn(async () => undefined);
    loop(run).request();
    await time.advance(50);
    await time.advance(600_000);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('stops after the run that is under way', async () => {
    const run = vi.fn(async () => 10);
    const made = loop(run);
    made.request();
    await time.advance(50);
    await made.stop();
    await made.stop();
    made.request();
    await time.advance(10_000);
    expect(run).toHaveBeenCalledOnce();
  });
});
