import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckView } from '../checks/types.ts';
import type { Fitness } from './fitness.ts';
import { FitnessController } from './fitness-controller.ts';

let service: CheckView;
let applied: Fitness[];
let applyOnce: (fitness: Fitness) => void;
const onChange = vi.fn();
const onError = vi.fn();
let controller: FitnessController;

beforeEach(() => {
  vi.useFakeTimers();
  service = { healthy: true, sinceMs: 0, everFailed: false };
  applied = [];
  applyOnce = (fitness) => void applied.push(fitness);
  onChange.mockReset();
  onError.mockReset();
  controller = new FitnessController({
    collect: (nowMs) => ({
      nowMs,
      checks: [{ effect: 'serviceFailed', view: service }],
      draining: false,
      cordoned: false,
      holder: false,
      rank: 0,
      policy: {
        noPreempt: false,
        failbackDelaySeconds: null,
        lastResort: { enabled: true, afterSeconds: 1 },
        kubeApiSettleSeconds: 8,
      },
    }),
    apply: (fitness) => applyOnce(fitness),
    onChange,
    onError,
    now: () => performance.now(),
  });
});

afterEach(() => {
  controller.stop();
  vi.useRealTimers();
});

describe('the fitness controller', () => {
  it('writes nothing while nothing is known', () => {
    service = { healthy: undefined, sinceMs: undefined, everFailed: false };
    controller.review();
    expect(applied).toEqual([]);
    expect(controller.fitness).toBeUndefined();
  });

  it('reopens the gate by itself when the time of the last resort has come', async () => {
    controller.review();
    service = { healthy: false, sinceMs: 0, everFailed: true };
    controller.review();
    await vi.advanceTimersByTimeAsync(999);
    expect(applied.at(-1)?.gate).toBe(0);
    await vi.advanceTimersByTimeAsync(2);
    expect(applied.at(-1)).toMatchObject({ gate: 1, band: 5 });
    expect(onChange).toHaveBeenCalledTimes(3);
  });

  it('tells of a change once', () => {
    controller.review();
    controller.review();
    expect(onChange).toHaveBeenCalledOnce();
  });

  it('tries again when the files cannot be written, and writes what holds then', async () => {
    const write = applyOnce;
    applyOnce = () => {
      throw new Error('no space left on device');
    };
    controller.review();
    expect(onError).toHaveBeenCalledOnce();
    applyOnce = write;
    await vi.advanceTimersByTimeAsync(250);
    expect(applied).toHaveLength(1);
  });

  it('decides nothing any more after stop', () => {
    controller.stop();
    controller.review();
    expect(applied).toEqual([]);
  });
});
