import { beforeEach, describe, expect, it } from 'vitest';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { StatusWriter } from './status-writer.ts';

let time: ManualTime;
let status: NodePlanStatus;
let sent: { readonly atMs: number; readonly plan: string | undefined }[];
let refusal: Error | undefined;
let problems: (string | null)[];
let writer: StatusWriter;

beforeEach(() => {
  time = new ManualTime();
  status = { observedPlan: 'p1' };
  sent = [];
  refusal = undefined;
  problems = [];
  writer = new StatusWriter({
    status: () => status,
    send: async ({ observedPlan }) => {
      sent.push({ atMs: time.monotonicMs(), plan: observedPlan });
      if (refusal !== undefined) throw refusal;
    },
    onProblem: (problem) => problems.push(problem),
    clock: time,
    timers: time,
    random: () => 0.5,
  });
});

function change(plan: string): void {
  status = { observedPlan: plan };
  writer.touch();
}

describe('the status writer', () => {
  it('writes nothing where there is no object to write to', async () => {
    change('p2');
    await time.advance(10_000);
    expect(sent).toEqual([]);
  });

  it('writes the first change at once, later ones at most once a second, and then what is', async () => {
    writer.setObject('uid-1');
    await time.advance(100);
    change('p2');
    change('p3');
    await time.advance(800);
    change('p4');
    await time.advance(5000);
    expect(sent).toEqual([
      { atMs: 30, plan: 'p1' },
      { atMs: 1030, plan: 'p4' },
    ]);
  });

  it('writes nothing while nothing changes, however often it may have', async () => {
    writer.setObject('uid-1');
    await time.advance(2000);
    for (let touch = 0; touch < 10; touch += 1) {
      writer.touch();
      await time.advance(2000);
    }
    expect(sent).toHaveLength(1);
    expect(time.pending).toBe(0);
  });

  it('tries again later and later while the API is away, says so once, and goes on when it is back', async () => {
    refusal = new Error('connect ECONNREFUSED');
    writer.setObject('uid-1');
    await time.advance(60_000);
    const gaps = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0));
    expect(gaps).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(problems).toEqual(['connect ECONNREFUSED']);
    refusal = undefined;
    change('p2');
    await time.advance(40_000);
    expect(sent.at(-1)?.plan).toBe('p2');
    expect(problems).toEqual(['connect ECONNREFUSED', null]);
    expect(time.pending).toBe(0);
  });

  it('tells an object that replaced the one before everything', async () => {
    writer.setObject('uid-1');
    await time.advance(5000);
    writer.setObject('uid-1');
    await time.advance(5000);
    expect(sent).toHaveLength(1);
    writer.setObject(undefined);
    writer.setObject('uid-2');
    await time.advance(5000);
    expect(sent).toHaveLength(2);
  });

  it('writes nothing after it was stopped', async () => {
    writer.setObject('uid-1');
    writer.stop();
    writer.stop();
    await time.advance(5000);
    expect(sent).toEqual([]);
  });

  const EVENTS: Readonly<Record<string, () => unknown>> = {
    change: () => change('p2'),
    object: () => writer.setObject('uid-1'),
    stop: () => writer.stop(),
    wait: () => time.advance(100),
  };

  it.each([
    'change object',
    'object change',
    'change stop object',
    'object stop object',
    'object stop change object',
    'object wait stop object change',
    'stop object change',
  ])('writes what is, whatever order things begin in: %s', async (order) => {
    for (const event of order.split(' ')) await EVENTS[event]?.();
    await time.advance(5000);
    expect(sent.at(-1)?.plan).toBe(status.observedPlan);
    expect(time.pending).toBe(0);
  });

  it('goes on where it was stopped and begun again while it wrote', async () => {
    let answer: (() => void) | undefined;
    const written: (string | undefined)[] = [];
    const slow = new StatusWriter({
      status: () => status,
      send: async ({ observedPlan }) => {
        written.push(observedPlan);
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
      },
      onProblem: (problem) => problems.push(problem),
      clock: time,
      timers: time,
    });
    slow.setObject('uid-1');
    await time.advance(100);
    slow.stop();
    status = { observedPlan: 'p2' };
    slow.setObject('uid-2');
    await time.advance(100);
    expect(written).toEqual(['p1']);
    answer?.();
    await time.advance(5000);
    expect(written).toEqual(['p1', 'p2']);
    answer?.();
    await time.advance(5000);
    expect(time.pending).toBe(0);
    expect(problems).toEqual([]);
  });
});
