import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { type ObjectReference, poolReference } from '../kubernetes/references.ts';
import { EventRecorder } from './recorder.ts';

function on(regarding: ObjectReference): ClusterEvent {
  return { regarding, type: 'Normal', reason: 'AddressesMoved', action: 'Move', note: 'x' };
}

function event(pool: string): ClusterEvent {
  return on(poolReference({ name: pool }));
}

function times(count: number, what: ClusterEvent): ClusterEvent[] {
  return Array.from({ length: count }, () => what);
}

function recorder(createEvent: () => Promise<void> = async () => undefined) {
  const time = new ManualTime();
  const outcomes: string[] = [];
  const onOutcome = ({ regarding }: ClusterEvent, outcome: string) => outcomes.push(`${regarding.name} ${outcome}`);
  return { time, outcomes, events: new EventRecorder({ writer: { createEvent }, clock: time, onOutcome }) };
}

describe('the recorder of Events', () => {
  it('drops the flood of one pool, and goes on with the others', async () => {
    const { events, outcomes } = recorder();
    await events.record([...times(30, event('web')), event('db')]);
    expect(outcomes.filter((outcome) => outcome === 'web written')).toHaveLength(25);
    expect(outcomes.filter((outcome) => outcome === 'web dropped')).toHaveLength(5);
    expect(outcomes).toContain('db written');
  });

  it('tells objects of one name apart by kind, by namespace, and by who had the name before', async () => {
    const { events, outcomes } = recorder();
    const service = { apiVersion: 'v1', kind: 'Service', name: 'web', uid: '1' };
    const others = [
      { ...service, namespace: 'a' },
      { ...service, namespace: 'b' },
      { ...service, namespace: 'a', uid: '2' },
      { ...service, namespace: 'a', kind: 'Gateway' },
    ];
    await events.record([...times(25, event('web')), ...others.flatMap((each) => times(25, on(each)))]);
    expect(outcomes).not.toContain('web dropped');
    await events.record(others.map(on));
    expect(outcomes.filter((outcome) => outcome === 'web dropped')).toHaveLength(4);
  });

  it('writes again after a while', async () => {
    const { events, outcomes, time } = recorder();
    await events.record(times(25, event('web')));
    time.stall(10_000);
    await events.record([event('web'), event('web')]);
    expect(outcomes.slice(-2).toSorted()).toEqual(['web dropped', 'web written']);
  });

  it('lets a pool that was quiet for long say as much as a new one, and no more', async () => {
    const { events, outcomes, time } = recorder();
    await events.record(times(25, event('web')));
    time.stall(3_600_000);
    await events.record(times(26, event('web')));
    expect(outcomes.filter((outcome) => outcome === 'web dropped')).toHaveLength(1);
  });

  it('writes two at a time, and drops what comes when a thousand wait', async () => {
    let [under, most] = [0, 0];
    const { events, outcomes } = recorder(async () => {
      under += 1;
      most = Math.max(most, under);
      await setImmediate();
      under -= 1;
    });
    const crowd = Array.from({ length: 1010 }, (_, index) => event(`pool-${index}`));
    await events.record(crowd);
    expect(most).toBe(2);
    expect(outcomes.filter((outcome) => outcome.endsWith('written'))).toHaveLength(1002);
    expect(outcomes.filter((outcome) => outcome.endsWith('dropped'))).toHaveLength(8);
  });

  it('loses an Event that the API server refuses, and says so', async () => {
    const { events, outcomes } = recorder(async () => {
      throw new Error('403');
    });
    await events.record([event('web')]);
    expect(outcomes).toEqual(['web failed']);
  });
});
