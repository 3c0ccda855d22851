import { describe, expect, it } from 'vitest';
import type { Decision, PlannedCluster, Stage } from '../stage.ts';
import { Backlog } from './backlog.ts';
import { Unhurried } from './unhurried.ts';

const CLUSTER = {} as PlannedCluster;

function scene(writes = 2) {
  let nowMs = 1000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  const backlog = new Backlog(clock);
  const decision: Decision = {
    writes: Array.from({ length: writes }, (_, index) => ({ name: `${index}`, write: () => Promise.resolve() })),
    reviewAtMs: 9000,
  };
  const stage: Stage = { name: 'told', decide: () => decision };
  const unhurried = new Unhurried(stage, { backlog, clock });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { backlog, unhurried, advance };
}

describe('what is only told', () => {
  it('waits while many Services get their addresses, and half a second longer', () => {
    const { backlog, unhurried, advance } = scene();
    backlog.note(20);
    expect(unhurried.decide(CLUSTER)).toEqual({ writes: [], reviewAtMs: 1500 });
    advance(400);
    backlog.note(19);
    expect(unhurried.decide(CLUSTER)).toEqual({ writes: [], reviewAtMs: 1900 });
    advance(500);
    backlog.note(0);
    expect(unhurried.decide(CLUSTER)).toMatchObject({ writes: [{ name: '0' }, { name: '1' }], reviewAtMs: 9000 });
  });

  it('counts those of several runs together, and does not wait for a few', () => {
    const { backlog, unhurried, advance } = scene();
    for (const services of [7, 6, 6]) {
      backlog.note(services);
      advance(100);
    }
    expect(unhurried.decide(CLUSTER).writes).toHaveLength(2);
    backlog.note(1);
    expect(unhurried.decide(CLUSTER).writes).toEqual([]);
  });

  it('does not wait for ever for Services that cannot be written', () => {
    const { backlog, unhurried, advance } = scene();
    for (let ms = 0; ms < 60_000; ms += 400) {
      backlog.note(100);
      expect(unhurried.decide(CLUSTER).writes).toEqual([]);
      advance(400);
    }
    backlog.note(100);
    expect(unhurried.decide(CLUSTER).writes).toHaveLength(2);
    advance(500);
    backlog.note(0);
    backlog.note(100);
    expect(unhurried.decide(CLUSTER).writes).toEqual([]);
  });

  it('is written in parts, with the rest right after', () => {
    const { unhurried } = scene(201);
    const { writes, reviewAtMs } = unhurried.decide(CLUSTER);
    expect(writes).toHaveLength(200);
    expect(reviewAtMs).toBe(1000);
  });
});

describe('plans', () => {
  it('are made at once while Services come one by one', () => {
    const { backlog } = scene();
    backlog.note(1);
    backlog.notePlan();
    expect(backlog.planAtMs).toBeUndefined();
  });

  it('are half a second apart while many come, and the first of them is made at once', () => {
    const { backlog, advance } = scene();
    backlog.note(100);
    expect(backlog.planAtMs).toBeUndefined();
    backlog.notePlan();
    advance(100);
    backlog.note(100);
    expect(backlog.planAtMs).toBe(1500);
    advance(400);
    backlog.note(100);
    expect(backlog.planAtMs).toBeUndefined();
  });

  it('are so for as long as many come, also when what is only told has waited long enough', () => {
    const { backlog, advance } = scene();
    for (let ms = 0; ms < 120_000; ms += 400) {
      backlog.note(100);
      backlog.notePlan();
      expect(backlog.planAtMs).toBe(1500 + ms);
      advance(400);
    }
    expect(backlog.untilMs).toBeUndefined();
    expect(backlog.areMany).toBe(true);
    advance(100);
    expect(backlog.planAtMs).toBeUndefined();
  });
});
