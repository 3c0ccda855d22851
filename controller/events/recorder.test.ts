import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { PoolEvent } from '../kubernetes/cluster-api.ts';
import { EventRecorder } from './recorder.ts';

function event(pool: string): PoolEvent {
  return { pool, uid: undefined, type: 'Normal', reason: 'AddressesMoved', action: 'Move', note: 'x' };
}

function recorder(createEvent: () => Promise<void> = async () => undefined) {
  const time = new ManualTime();
  const outcomes: string[] = [];
  const onOutcome = ({ pool }: PoolEvent, outcome: string) => outcomes.push(`${pool} ${outcome}`);
  return { time, outcomes, events: new EventRecorder({ writer: { createEvent }, clock: time, onOutcome }) };
}

describe('the recorder of Events', () => {
  it('drops the flood of one pool, and goes on with the others', async () => {
    const { events, outcomes } = recorder();
    await events.record([...Array.from({ length: 30 }, () => event('web')), event('db')]);
    expect(outcomes.filter((outcome) => outcome === 'web written')).toHaveLength(25);
    expect(outcomes.filter((outcome) => outcome === 'web dropped')).toHaveLength(5);
    expect(outcomes).toContain('db written');
  });

  it('writes again after a while', async () => {
    const { events, outcomes, time } = recorder();
    await events.record(Array.from({ length: 25 }, () => event('web')));
    time.stall(10_000);
    await events.record([event('web'), event('web')]);
    expect(outcomes.slice(-2).toSorted()).toEqual(['web dropped', 'web written']);
  });

  it('loses an Event that the API server refuses, and says so', async () => {
    const { events, outcomes } = recorder(async () => {
      throw new Error('403');
    });
    await events.record([event('web')]);
    expect(outcomes).toEqual(['web failed']);
  });
});
