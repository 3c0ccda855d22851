import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { ReconnectionPace } from './reconnection-pace.ts';

let time: ManualTime;
let random: number;
let pace: ReconnectionPace;

/** Pauses after losses of connections that had only just been made. */
function pauses(count: number): number[] {
  return Array.from({ length: count }, () => pace.pauseAfterLoss(time.monotonicMs()));
}

beforeEach(() => {
  time = new ManualTime();
  random = 0;
  pace = new ReconnectionPace({ intervalSeconds: 2 }, { clock: time, random: () => random });
  pace.start();
});

describe('the pace of reconnections', () => {
  it('is quick five times, each pause twice as long as the one before, and then that of the interval', () => {
    expect(pauses(7)).toEqual([1, 2, 4, 8, 16, 2000, 2000]);
  });

  it('is quick once more for each interval that has passed, and never more often than at first', () => {
    pauses(6);
    time.stall(2000);
    expect(pauses(2)).toEqual([16, 2000]);
    time.stall(4000);
    expect(pauses(3)).toEqual([8, 16, 2000]);
    time.stall(60_000);
    expect(pauses(6)).toEqual([1, 2, 4, 8, 16, 2000]);
  });

  it('waits for nothing after a connection that was held for a while, which costs no quick one', () => {
    time.stall(500);
    expect(pace.pauseAfterLoss(0)).toBe(0);
    expect(pauses(6)).toEqual([1, 2, 4, 8, 16, 2000]);
    expect(pace.pauseAfterLoss(time.monotonicMs() - 500)).toBe(0);
    expect(pace.pauseAfterLoss(time.monotonicMs() - 499)).toBe(2000);
  });

  it('is up to a quarter faster than the interval, by chance, so that nodes don’t stay in step', () => {
    random = 0.5;
    expect(pace.slowPause()).toBe(1750);
    pauses(5);
    expect(pauses(1)).toEqual([1750]);
  });

  it('begins with all quick ones again when it is started again', () => {
    pauses(6);
    pace.start();
    expect(pauses(1)).toEqual([1]);
  });
});
