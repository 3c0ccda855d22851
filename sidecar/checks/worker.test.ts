import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { Probe, ProbeOutcome, ProbeResult } from '../probes/types.ts';
import type { CheckState, CheckTiming } from './types.ts';
import { CheckWorker } from './worker.ts';

interface Script {
  readonly outcome: ProbeOutcome;
  readonly code?: string;
  readonly takesMs?: number;
}

const OK: Script = { outcome: 'success' };
const FAILED: Script = { outcome: 'failure' };
const REFUSED: Script = { outcome: 'refused', code: 'ECONNREFUSED' };
const RESET: Script = { outcome: 'refused', code: 'ECONNRESET' };
const TIMED_OUT: Script = { outcome: 'failure', code: 'ETIMEDOUT', takesMs: 500 };

/** Answers as written, the last answer for ever, and notes when it was asked. */
class ScriptedProbe implements Probe {
  readonly target = 'http://192.0.2.1/';
  readonly askedAtMs: number[] = [];
  #running = 0;
  mostAtOnce = 0;
  script: readonly Script[];
  readonly #time: ManualTime;

  constructor(time: ManualTime, script: readonly Script[]) {
    this.#time = time;
    this.script = script;
  }

  async probe(signal: AbortSignal): Promise<ProbeResult> {
    const { takesMs = 0, outcome, code } = this.script[this.askedAtMs.length] ?? this.script.at(-1) ?? OK;
    this.askedAtMs.push(this.#time.monotonicMs());
    this.#running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    await new Promise<void>((resolve) => {
      this.#time.setTimeout(resolve, takesMs);
      signal.addEventListener('abort', () => resolve());
    });
    this.#running -= 1;
    const result = { outcome, reason: `answer ${this.askedAtMs.length}`, durationSeconds: takesMs / 1000 };
    return code === undefined ? result : { ...result, code };
  }
}

interface Given {
  readonly script: readonly Script[];
  readonly timing?: Partial<CheckTiming>;
  readonly refusedIsFinal?: boolean;
  readonly random?: number;
  readonly stalledMs?: () => number;
}

function setUp({ script, timing = {}, refusedIsFinal = false, random = 0, stalledMs = () => 0 }: Given) {
  const time = new ManualTime();
  const probe = new ScriptedProbe(time, script);
  const changes: CheckState[] = [];
  const results: ProbeResult[] = [];
  const worker = new CheckWorker(
    {
      timing: { intervalSeconds: 1, timeoutSeconds: 0.5, failureThreshold: 3, successThreshold: 1, ...timing },
      refusedIsFinal,
    },
    {
      probe,
      clock: time,
      timers: time,
      random: () => random,
      lag: { stalledDuring: stalledMs },
      onChange: (state) => changes.push(state),
      onResult: (result) => results.push(result),
    },
  );
  return { time, probe, changes, results, worker };
}

describe('cadence of a CheckWorker', () => {
  it('probes at once when it starts, and knows the answer before any interval has passed', async () => {
    const { worker, time, probe, changes } = setUp({ script: [OK] });
    worker.start();
    await time.advance(1);
    expect(probe.askedAtMs).toEqual([0]);
    expect(worker.state.healthy).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('begins a probe every interval, however long a probe takes within it', async () => {
    const { worker, time, probe } = setUp({ script: [{ outcome: 'success', takesMs: 300 }] });
    worker.start();
    await time.advance(3500);
    expect(probe.askedAtMs).toEqual([0, 1000, 2000, 3000]);
  });

  it('never has two probes under way, and begins a late one as soon as the one before has ended', async () => {
    const { worker, time, probe } = setUp({ script: [{ outcome: 'success', takesMs: 1500 }] });
    worker.start();
    await time.advance(5000);
    expect(probe.askedAtMs).toEqual([0, 1500, 3000, 4500]);
    expect(probe.mostAtOnce).toBe(1);
  });

  it('owes one late probe however many intervals have ended, and is in step again afterwards', async () => {
    const slow = { outcome: 'success', takesMs: 3500 } as const;
    const { worker, time, probe } = setUp({ script: [slow, OK] });
    worker.start();
    await time.advance(5000);
    expect(probe.askedAtMs).toEqual([0, 3500, 4000, 5000]);
  });

  it('owes none once a probe out of turn has begun', async () => {
    const slow = { outcome: 'success', takesMs: 1200 } as const;
    const { worker, time, probe } = setUp({ script: [slow, OK] });
    worker.start();
    await time.advance(1100);
    void worker.probeNow('the test asked');
    await time.advance(900);
    expect(probe.askedAtMs).toEqual([0, 1200, 2000]);
  });

  it('keeps fractions of a second', async () => {
    const { worker, time, probe } = setUp({ script: [OK], timing: { intervalSeconds: 0.25 } });
    worker.start();
    await time.advance(1000);
    expect(probe.askedAtMs).toEqual([0, 250, 500, 750, 1000]);
  });

  it('moves the later probes by a small random part of the interval, but not the first', async () => {
    const { worker, time, probe } = setUp({ script: [OK], random: 0.5 });
    worker.start();
    await time.advance(2500);
    expect(probe.askedAtMs).toEqual([0, 1025, 2025]);
  });

  it('does not make up for intervals that passed while the process slept', async () => {
    const { worker, time, probe } = setUp({ script: [OK] });
    worker.start();
    await time.advance(500);
    time.stall(4750);
    await time.advance(1000);
    expect(probe.askedAtMs).toEqual([0, 5250, 6000]);
  });

  it('starts and stops once however often it is told to, and can start again', async () => {
    const { worker, time, probe } = setUp({ script: [OK] });
    worker.start();
    worker.start();
    await time.advance(1);
    worker.stop();
    worker.stop();
    expect(time.pending).toBe(0);
    await time.advance(5000);
    expect(probe.askedAtMs).toEqual([0]);
    worker.start();
    await time.advance(1);
    expect(probe.askedAtMs).toHaveLength(2);
  });

  it('does not count the probe that was under way when it stopped', async () => {
    const { worker, time, results } = setUp({ script: [{ outcome: 'failure', takesMs: 400 }] });
    worker.start();
    await time.advance(10);
    worker.stop();
    await time.advance(1000);
    expect(results).toEqual([]);
    expect(worker.state.lastResult).toBeUndefined();
  });

  it('goes on when a probe breaks its promise and throws', async () => {
    const { worker, time, probe, results } = setUp({ script: [OK] });
    probe.probe = () => Promise.reject(new Error('boom'));
    worker.start();
    await time.advance(1500);
    expect(results).toHaveLength(2);
    expect(results[0]).toMatchObject({ outcome: 'failure', reason: expect.stringContaining('boom') });
  });
});

describe('probeNow of a CheckWorker', () => {
  it('probes at once, says why in the result, and leaves the cadence alone', async () => {
    const { worker, time, probe, results } = setUp({ script: [OK] });
    worker.start();
    await time.advance(300);
    void worker.probeNow('the port closed the connection');
    await time.advance(1000);
    expect(probe.askedAtMs).toEqual([0, 300, 1000]);
    expect(results[1]?.reason).toContain('the port closed the connection');
  });

  it('begins a probe after the call even when one is under way, and shares it among those who wait', async () => {
    const { worker, time, probe } = setUp({ script: [{ outcome: 'success', takesMs: 100 }] });
    worker.start();
    await time.advance(50);
    const settled: string[] = [];
    for (const name of ['first', 'second', 'third']) void worker.probeNow(name).then(() => settled.push(name));
    await time.advance(100);
    expect(probe.askedAtMs).toEqual([0, 100]);
    expect(settled).toEqual([]);
    await time.advance(100);
    expect(settled).toEqual(['first', 'second', 'third']);
    expect(probe.askedAtMs).toEqual([0, 100]);
    expect(probe.mostAtOnce).toBe(1);
  });

  it('does nothing while the worker is stopped', async () => {
    const { worker, time, probe } = setUp({ script: [OK] });
    await worker.probeNow('too early');
    worker.start();
    await time.advance(1);
    worker.stop();
    await worker.probeNow('too late');
    expect(probe.askedAtMs).toEqual([0]);
  });
});

describe('thresholds of a CheckWorker', () => {
  it('reports a change of health once, when the threshold is reached', async () => {
    const { worker, time, changes, results } = setUp({ script: [OK, FAILED, FAILED, FAILED, FAILED, OK, OK] });
    worker.start();
    await time.advance(6500);
    expect(results).toHaveLength(7);
    expect(changes.map(({ healthy, sinceMs }) => [healthy, (sinceMs ?? 0) - 1_700_000_000_000])).toEqual([
      [true, 0],
      [false, 3000],
      [true, 5000],
    ]);
  });
});

describe('refusals seen by a CheckWorker', () => {
  it('fails the check within milliseconds when a second attempt is refused as well', async () => {
    const { worker, time, probe } = setUp({
      script: [OK, REFUSED],
      refusedIsFinal: true,
      timing: { failureThreshold: 5 },
    });
    worker.start();
    await time.advance(1010);
    expect(probe.askedAtMs).toEqual([0, 1000, 1002]);
    expect(worker.state).toMatchObject({ healthy: false, sinceMs: 1_700_000_001_002, consecutiveFailures: 1 });
  });

  it('fails a check that was never healthy at once too', async () => {
    const { worker, time } = setUp({ script: [REFUSED], refusedIsFinal: true });
    worker.start();
    await time.advance(10);
    expect(worker.state.healthy).toBe(false);
  });

  it('counts a refusal like any failure where a refusal is not final', async () => {
    const { worker, time, probe, changes } = setUp({ script: [OK, REFUSED], timing: { failureThreshold: 2 } });
    worker.start();
    await time.advance(1500);
    expect(probe.askedAtMs).toEqual([0, 1000]);
    expect(worker.state).toMatchObject({ healthy: true, consecutiveFailures: 1 });
    await time.advance(1000);
    expect(changes.map(({ healthy }) => healthy)).toEqual([true, false]);
  });

  it('takes a refusal back when the second attempt succeeds', async () => {
    const { worker, time, changes, results } = setUp({ script: [OK, REFUSED, OK], refusedIsFinal: true });
    worker.start();
    await time.advance(1500);
    expect(changes).toHaveLength(1);
    expect(results.map(({ outcome }) => outcome)).toEqual(['success', 'success']);
  });

  it('counts one ordinary failure when the second attempt gets a bad answer', async () => {
    const { worker, time } = setUp({ script: [OK, REFUSED, FAILED], refusedIsFinal: true });
    worker.start();
    await time.advance(1500);
    expect(worker.state).toMatchObject({ healthy: true, consecutiveFailures: 1 });
  });

  it('waits for two refusals while a dying listener still resets connections', async () => {
    const { worker, time, probe } = setUp({ script: [OK, RESET, RESET, REFUSED, REFUSED], refusedIsFinal: true });
    worker.start();
    await time.advance(1100);
    expect(probe.askedAtMs).toEqual([0, 1000, 1002, 1006, 1014]);
    expect(worker.state.healthy).toBe(false);
  });

  it('causes no fault when resets are followed by an answer, as when a server replaces its processes', async () => {
    const { worker, time, changes } = setUp({ script: [OK, RESET, RESET, OK], refusedIsFinal: true });
    worker.start();
    await time.advance(1500);
    expect(changes.map(({ healthy }) => healthy)).toEqual([true]);
  });

  it('believes resets when six attempts within 50 ms end so', async () => {
    const { worker, time, probe, results } = setUp({ script: [OK, RESET], refusedIsFinal: true });
    worker.start();
    await time.advance(1100);
    expect(probe.askedAtMs).toEqual([0, 1000, 1002, 1006, 1014, 1030, 1050]);
    expect(worker.state.healthy).toBe(false);
    expect(results[1]?.reason).toContain('6 times in a row');
  });

  it('asks once only while the check has failed already', async () => {
    const { worker, time, probe } = setUp({ script: [REFUSED], refusedIsFinal: true });
    worker.start();
    await time.advance(2500);
    expect(probe.askedAtMs).toEqual([0, 2, 1000, 2000]);
    expect(worker.state).toMatchObject({ healthy: false, consecutiveFailures: 3 });
  });

  it('gives up confirming when it is stopped', async () => {
    const { worker, time, probe, results } = setUp({ script: [RESET], refusedIsFinal: true });
    worker.start();
    await time.advance(3);
    worker.stop();
    await time.advance(1000);
    expect(probe.askedAtMs).toEqual([0, 2]);
    expect(results).toEqual([]);
    expect(time.pending).toBe(0);
  });
});

describe('time-outs seen by a CheckWorker that lagged itself', () => {
  it('repeats the probe at once and counts the answer of that', async () => {
    const { worker, time, probe, results } = setUp({ script: [OK, TIMED_OUT, OK], stalledMs: () => 200 });
    worker.start();
    await time.advance(1600);
    expect(probe.askedAtMs).toEqual([0, 1000, 1500]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['success', 'success']);
  });

  it('does not count it when the repetitions time out as well', async () => {
    const { worker, time, results } = setUp({ script: [OK, TIMED_OUT], stalledMs: () => 200 });
    worker.start();
    await time.advance(2500);
    expect(results[1]).toMatchObject({
      outcome: 'inconclusive',
      reason: expect.stringContaining('stood still for 200 ms'),
    });
    expect(worker.state).toMatchObject({ healthy: true, consecutiveFailures: 0 });
  });

  it('counts it when the standstill was short compared to the time-out', async () => {
    const { worker, time } = setUp({ script: [OK, TIMED_OUT], stalledMs: () => 100 });
    worker.start();
    await time.advance(1600);
    expect(worker.state.consecutiveFailures).toBe(1);
  });

  it('asks about the time of the probe and no other', async () => {
    const windows: [number, number][] = [];
    const stalledMs = (...window: number[]) => {
      windows.push([window[0] ?? -1, window[1] ?? -1]);
      return 0;
    };
    const { worker, time } = setUp({ script: [OK, TIMED_OUT], stalledMs });
    worker.start();
    await time.advance(1600);
    expect(windows).toEqual([
      [0, 0],
      [1000, 1500],
    ]);
  });

  it('counts failures other than time-outs whatever the lag', async () => {
    const { worker, time } = setUp({ script: [FAILED], stalledMs: () => 5000, timing: { failureThreshold: 1 } });
    worker.start();
    await time.advance(1);
    expect(worker.state.healthy).toBe(false);
  });

  it('fails in the end when every probe times out, however much it lags', async () => {
    const { worker, time } = setUp({ script: [OK, TIMED_OUT], stalledMs: () => 5000 });
    worker.start();
    await time.advance(10_000);
    expect(worker.state.healthy).toBe(false);
  });
});
