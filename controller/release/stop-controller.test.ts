import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { FakeLease } from '../testing/fake-lease.ts';
import { stopController } from './stop-controller.ts';

const OPTIONS = { identity: 'release-1', limitMs: 60_000 };
const LEADER = { holder: 'controller-a', durationSeconds: 15, acquireTime: '', renewTime: '', transitions: 3 };

let time: ManualTime;
let lease: FakeLease;
/** How often it was asked to scale down. */
let scaled: number;
let scaleDown: () => Promise<void>;

beforeEach(() => {
  time = new ManualTime();
  lease = new FakeLease();
  scaled = 0;
  scaleDown = async () => {
    scaled += 1;
  };
});

function stop(): Promise<() => Promise<void>> {
  const sleep = (milliseconds: number) => time.advance(milliseconds);
  return stopController(OPTIONS, { scaleDown: () => scaleDown(), leases: lease, clock: time, timers: time, sleep });
}

describe('stopping the controller', () => {
  it('asks for none of its pods, and takes the Lease when it was given back', async () => {
    await lease.create({ ...LEADER, durationSeconds: 3600 });
    scaleDown = async () => {
      scaled += 1;
      if (lease.record !== undefined) await lease.replace({ ...lease.record, holder: '' });
    };
    await stop();
    expect(scaled).toBe(1);
    expect(lease.record?.holder).toBe('release-1');
    expect(time.monotonicMs()).toBeLessThan(2000);
  });

  it('takes the Lease where there is none', async () => {
    await stop();
    expect(lease.record).toMatchObject({ holder: 'release-1', durationSeconds: 60 });
  });

  it('waits for the end of the Lease of a leader that is lost', async () => {
    await lease.create(LEADER);
    await stop();
    expect(time.monotonicMs()).toBeGreaterThanOrEqual(15_000);
    expect(time.monotonicMs()).toBeLessThan(20_000);
    expect(lease.record?.holder).toBe('release-1');
  });

  it('does not take it from one that goes on, and says who', async () => {
    await lease.create(LEADER);
    const renew = async (milliseconds: number) => {
      await time.advance(milliseconds);
      if (lease.record !== undefined) await lease.replace(lease.record);
    };
    const dependencies = { scaleDown, leases: lease, clock: time, timers: time, sleep: renew };
    await expect(stopController(OPTIONS, dependencies)).rejects.toThrow(
      'the controller did not stop within 60 s: controller-a still leads',
    );
    expect(lease.record?.holder).toBe('controller-a');
  });

  it('keeps the Lease while it works, and gives it back when it is told to', async () => {
    const restart = await stop();
    const { resourceVersion } = lease.record ?? {};
    await time.advance(20_000);
    expect(lease.record?.holder).toBe('release-1');
    expect(lease.record?.resourceVersion).not.toBe(resourceVersion);
    await restart();
    expect(lease.record?.holder).toBe('');
  });

  it('says what is in the way', async () => {
    scaleDown = () => Promise.reject(new Error('deployments.apps "controller" is forbidden'));
    await expect(stop()).rejects.toThrow(
      'the controller did not stop within 60 s: deployments.apps "controller" is forbidden',
    );
    expect(lease.record).toBeUndefined();
  });
});
