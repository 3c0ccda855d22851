import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { ForeignRouterWatch } from './foreign-router-watch.ts';

const SECOND = 1000;
let time: ManualTime;
let requested: number[];
let refused: number;
/** The multicast group of the instance; undefined: that of all routers. */
let heardIn: number | undefined;
const onChange = vi.fn();
const onError = vi.fn();
let watch: ForeignRouterWatch;

beforeEach(() => {
  time = new ManualTime();
  requested = [];
  refused = 0;
  heardIn = undefined;
  onChange.mockReset();
  onError.mockReset();
  let written = '';
  const files = {
    requestStatistics: async () => {
      requested.push(time.monotonicMs() / SECOND);
      written = `VRRP Instance: vip
  Advertisements:
    Received: ${requested.length}
  Packet Errors:
    Address List: ${refused}
  Authentication Errors:
    Failure: 0
`;
    },
    readStatistics: async () => written,
  };
  const listening = () => [
    { name: 'vip', virtualRouterId: 10, ...(heardIn === undefined ? {} : { multicastGroup: heardIn }) },
  ];
  watch = new ForeignRouterWatch({ files, listening, onChange, onError, clock: time, timers: time });
});

describe('the watch for foreign routers', () => {
  it('asks every other second for twenty seconds, and then every minute', async () => {
    watch.start();
    await time.advance(150 * SECOND);
    expect(requested).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 80, 140]);
  });

  it('hears one within ten seconds after an instance lost its addresses', async () => {
    watch.start();
    await time.advance(100 * SECOND);
    const fromMs = time.monotonicMs();
    watch.pollFast();
    while (watch.virtualRouterIds.length === 0 && time.monotonicMs() - fromMs < 60 * SECOND) {
      refused += 1;
      await time.advance(SECOND);
    }
    expect((time.monotonicMs() - fromMs) / SECOND).toBeLessThanOrEqual(10);
    expect(onChange).toHaveBeenCalledTimes(1);
    expect([watch.virtualRouterIds, watch.problems]).toEqual([[10], []]);
  });

  it('says what to do about one in a multicast group of Services', async () => {
    watch.stop();
    heardIn = 200;
    watch.start();
    for (let looks = 0; looks < 4; looks += 1) {
      refused += 1;
      await time.advance(2 * SECOND);
    }
    expect([watch.virtualRouterIds, watch.problems]).toEqual([
      [],
      [
        'another router on the network speaks in the multicast group 200 of Services (224.0.0.200, ff12::c8), ' +
          'with router ids of this release; give services.multicastGroup another number here or there',
      ],
    ]);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it('does not put off a look when it is hurried again and again', async () => {
    watch.start();
    for (let times = 0; times < 10; times += 1) {
      watch.pollFast();
      await time.advance(SECOND);
    }
    expect(requested).toEqual([2, 4, 6, 8, 10]);
  });

  it('goes on after an error, and ends when it is stopped', async () => {
    const files = { requestStatistics: () => Promise.reject(new Error('no space')), readStatistics: async () => '' };
    const failing = new ForeignRouterWatch({
      files,
      listening: () => [],
      onChange,
      onError,
      clock: time,
      timers: time,
    });
    failing.start();
    await time.advance(5 * SECOND);
    expect(onError).toHaveBeenCalledTimes(2);
    failing.stop();
    failing.stop();
    failing.pollFast();
    await time.advance(100 * SECOND);
    expect(onError).toHaveBeenCalledTimes(2);
    expect(time.pending).toBe(0);
  });

  const EVENTS: Readonly<Record<string, () => unknown>> = {
    pollFast: () => watch.pollFast(),
    start: () => watch.start(),
    stop: () => watch.stop(),
    wait: () => time.advance(SECOND),
  };
  const orders = [
    'start',
    'pollFast start',
    'pollFast pollFast start',
    'pollFast wait start',
    'start pollFast',
    'start start',
    'start pollFast start',
    'stop start',
    'pollFast stop start',
    'start stop start',
    'start pollFast stop start',
    'start stop pollFast start',
    'pollFast start stop pollFast start',
    'start wait stop start',
    'pollFast stop pollFast start stop start',
  ];

  it.each(orders)('hears a foreign router after any order of events at the start: %s', async (order) => {
    for (const event of order.split(' ')) await EVENTS[event]?.();
    expect(time.pending).toBe(1);
    const beganMs = time.monotonicMs();
    while (watch.virtualRouterIds.length === 0 && time.monotonicMs() - beganMs < 20 * SECOND) {
      refused += 1;
      await time.advance(SECOND);
    }
    expect(watch.virtualRouterIds).toEqual([10]);
    await time.advance(300 * SECOND);
    const times = requested.length;
    await time.advance(60 * SECOND);
    expect(requested.length - times).toBe(1);
  });

  it('looks once at a time when it is stopped and started while it looks', async () => {
    let answer: (() => void) | undefined;
    const readStatistics = vi.fn(async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return '';
    });
    const files = { requestStatistics: async () => undefined, readStatistics };
    const slow = new ForeignRouterWatch({ files, listening: () => [], onChange, onError, clock: time, timers: time });
    slow.start();
    await time.advance(2 * SECOND);
    slow.stop();
    slow.start();
    slow.pollFast();
    answer?.();
    await time.advance(SECOND);
    expect(time.pending).toBe(1);
    await time.advance(SECOND);
    expect(readStatistics).toHaveBeenCalledTimes(2);
    slow.stop();
    answer?.();
    await time.advance(100 * SECOND);
    expect(readStatistics).toHaveBeenCalledTimes(2);
    expect(time.pending).toBe(0);
  });

  it('looks once at a time when it is stopped and started while it asks for statistics', async () => {
    let answer: (() => void) | undefined;
    const requestStatistics = () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      });
    const files = { requestStatistics, readStatistics: async () => '' };
    const slow = new ForeignRouterWatch({ files, listening: () => [], onChange, onError, clock: time, timers: time });
    slow.start();
    await time.advance(2 * SECOND);
    slow.stop();
    slow.start();
    answer?.();
    await time.advance(SECOND);
    expect(time.pending).toBe(1);
    slow.stop();
    expect(time.pending).toBe(0);
  });
});
