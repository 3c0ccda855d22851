import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { declaredStatusSender } from './declared-status.ts';

const REST: NodePlanStatus = { observedPlan: 'p1' };
const WITH: NodePlanStatus = { ...REST, bgpFamilies: [] };
const REFUSED =
  'the API server answered 500: failed to create typed patch object (/a; x, Kind=NodePlan): .status.bgpFamilies: field not declared in schema';
const MINUTE_MS = 60_000;

let time: ManualTime;
/** Whether the definition has the field. */
let declared: boolean;
let tries: NodePlanStatus[];
let send: (status: NodePlanStatus) => Promise<void>;
const onOlder = vi.fn();

beforeEach(() => {
  onOlder.mockClear();
  [time, declared, tries] = [new ManualTime(), false, []];
  send = declaredStatusSender({
    send: async (status) => {
      tries.push(status);
      if (status.bgpFamilies !== undefined && !declared) throw new Error(REFUSED);
    },
    onOlder,
    clock: time,
  });
});

describe('the status of a plan', () => {
  it('is sent whole where the definition has all of it', async () => {
    declared = true;
    await send(WITH);
    expect(tries).toEqual([WITH]);
    expect(onOlder).not.toHaveBeenCalled();
  });

  it('is sent without the families where the definition does not have them, which is said once', async () => {
    await send(WITH);
    await send(WITH);
    await send(REST);
    expect(tries).toEqual([WITH, REST, REST, REST]);
    expect(onOlder).toHaveBeenCalledTimes(1);
  });

  it('is tried whole again when a minute has passed, and always when that is taken', async () => {
    await send(WITH);
    time.stall(MINUTE_MS);
    await send(WITH);
    expect(tries).toEqual([WITH, REST, WITH, REST]);
    time.stall(MINUTE_MS);
    declared = true;
    await send(WITH);
    await send(WITH);
    expect(tries.slice(4)).toEqual([WITH, WITH]);
    expect(onOlder).toHaveBeenCalledTimes(1);
  });

  it('is not cut short for another failure', async () => {
    const failing = declaredStatusSender({ send: () => Promise.reject(new Error('connect ECONNREFUSED')), onOlder });
    await expect(failing(WITH)).rejects.toThrow('ECONNREFUSED');
    expect(onOlder).not.toHaveBeenCalled();
  });
});
