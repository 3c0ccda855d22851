import { ApiException } from '@kubernetes/client-node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { nodePlanSpec } from './node-plan-spec.ts';
import { YoungerFields } from './younger-fields.ts';

const REST = { pools: [{ name: 'web', interface: '', failbackDelaySeconds: null }], instances: [] };
const WITH = { ...REST, spares: [{ name: 'web-0', pool: 'web', virtualRouterId: 1, rank: 0, like: '192.0.2.1' }] };
const MESSAGE =
  'failed to create typed patch object (/a; x, Kind=NodePlan): .spec.spares: field not declared in schema';
const MINUTE_MS = 60_000;

let time: ManualTime;
let field: YoungerFields;
/** Whether the definition has the field. */
let declared: boolean;
let tries: NodePlanSpec[];
const definitionsOlder = vi.fn();

async function server(spec: NodePlanSpec): Promise<string> {
  tries.push(spec);
  if (spec.spares !== undefined && !declared) throw new ApiException(500, '', JSON.stringify({ message: MESSAGE }), {});
  return 'stored';
}

beforeEach(() => {
  definitionsOlder.mockClear();
  [time, declared, tries] = [new ManualTime(), false, []];
  field = new YoungerFields({ clock: time, reports: { definitionsOlder } });
});

describe('spare instances in plans', () => {
  it('are written where the definition has them', async () => {
    declared = true;
    expect(await field.write(WITH, server)).toEqual({ spec: nodePlanSpec(WITH), stored: 'stored' });
    expect(tries).toEqual([nodePlanSpec(WITH)]);
    expect(field.refused).toBe('');
    expect(definitionsOlder).not.toHaveBeenCalled();
  });

  it('are left out where the definition does not have them, and not tried with each plan; that is said once', async () => {
    const bare = nodePlanSpec(REST);
    expect(await field.write(WITH, server)).toEqual({ spec: bare, stored: 'stored' });
    await field.write(WITH, server);
    await field.write(REST, server);
    expect(tries).toEqual([nodePlanSpec(WITH), bare, bare, bare]);
    expect(field.specOf(WITH)).toEqual(bare);
    expect(definitionsOlder).toHaveBeenCalledTimes(1);
  });

  it('are tried by one write when a minute has passed, and are in every plan when that is taken', async () => {
    await field.write(WITH, server);
    for (const [taken, written] of [
      [false, [WITH, REST, REST]],
      [true, [WITH, REST]],
    ] as const) {
      time.stall(MINUTE_MS);
      [declared, tries] = [taken, []];
      await Promise.all([field.write(WITH, server), field.write(WITH, server)]);
      const byPlan = (specs: readonly NodePlanSpec[]) => specs.map(({ plan }) => plan).toSorted();
      expect(byPlan(tries)).toEqual(byPlan(written.map(nodePlanSpec)));
      expect(field.refused).toBe(taken ? '' : 'spares');
    }
    expect(field.specOf(WITH)).toEqual(nodePlanSpec(WITH));
    expect(definitionsOlder).toHaveBeenCalledTimes(1);
  });

  it('are not given up for another failure', async () => {
    const failure = new Error('connect ECONNREFUSED');
    await expect(field.write(WITH, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(field.refused).toBe('');
    expect(definitionsOlder).not.toHaveBeenCalled();
  });

  it('are tried apart from instances in multicast groups, which plans do not count on while they are refused', async () => {
    const both = {
      ...WITH,
      apart: [
        { name: 'web-1', pool: 'web', virtualRouterId: 2, rank: 0, multicastGroup: 200, addresses: ['192.0.2.2'] },
      ],
    };
    const older = async (spec: NodePlanSpec) => {
      tries.push(spec);
      if (spec.apart === undefined) return 'stored';
      throw new ApiException(500, '', JSON.stringify({ message: MESSAGE.replace('spares', 'apart') }), {});
    };
    expect(field.mayBeApart).toBe(true);
    expect(await field.write(both, older)).toEqual({ spec: nodePlanSpec(WITH), stored: 'stored' });
    expect([field.refused, field.mayBeApart]).toEqual(['apart', false]);
    expect(field.specOf(both)).toEqual(nodePlanSpec(WITH));
    time.stall(MINUTE_MS);
    expect(field.mayBeApart).toBe(true);
    declared = true;
    expect(await field.write(both, server)).toEqual({ spec: nodePlanSpec(both), stored: 'stored' });
    expect([field.refused, field.mayBeApart]).toEqual(['', true]);
    expect(definitionsOlder).toHaveBeenCalledTimes(1);
  });

  it('are left out with instances in multicast groups where the definition has neither, though one at a time is named', async () => {
    const apart = [
      { name: 'web-1', pool: 'web', virtualRouterId: 2, rank: 0, multicastGroup: 200, addresses: ['192.0.2.2'] },
    ];
    const oldest = async (spec: NodePlanSpec) => {
      const named = (['apart', 'spares'] as const).find((each) => spec[each] !== undefined);
      if (named === undefined) return 'stored';
      throw new ApiException(500, '', JSON.stringify({ message: MESSAGE.replace('spares', named) }), {});
    };
    expect(await field.write({ ...WITH, apart }, oldest)).toEqual({ spec: nodePlanSpec(REST), stored: 'stored' });
    expect(field.refused).toBe('spares,apart');
    expect(definitionsOlder).toHaveBeenCalledTimes(1);
  });

  it('are not needed by addresses of nodes that are elected, which no node gets where the definition does not have the word', async () => {
    const [elected, all] = [
      { name: 'some', pool: 'some', elected: true, addresses: ['10.9.0.1'] },
      { name: 'all', pool: 'all', addresses: ['10.9.0.2'] },
    ];
    const word = '.spec.loopback[0].elected';
    const older = async ({ loopback = [] }: NodePlanSpec) => {
      if (loopback.every((each) => each.elected === undefined)) return 'stored';
      throw new ApiException(500, '', JSON.stringify({ message: MESSAGE.replace('.spec.spares', word) }), {});
    };
    const both = { ...REST, loopback: [elected, all] };
    const left = nodePlanSpec({ ...REST, loopback: [all] });
    expect(await field.write(both, older)).toEqual({ spec: left, stored: 'stored' });
    expect(field.specOf(both)).toEqual(left);
    expect(await field.write({ ...REST, loopback: [elected] }, older)).toMatchObject({ spec: nodePlanSpec(REST) });
    expect([field.refused, field.mayBeApart]).toEqual(['elected', true]);
    expect(definitionsOlder).toHaveBeenCalledTimes(1);
    time.stall(MINUTE_MS);
    expect(await field.write(both, server)).toEqual({ spec: nodePlanSpec(both), stored: 'stored' });
    expect(field.refused).toBe('');
  });
});
