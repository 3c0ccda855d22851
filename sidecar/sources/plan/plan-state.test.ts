import { beforeEach, describe, expect, it, vi } from 'vitest';
import { planStatusOf } from '../../status/plan-status.ts';
import { planOf } from '../../testing/plan.ts';
import { PlanState } from './plan-state.ts';

const onPlan = vi.fn();
const onRefused = vi.fn();
const onIncomplete = vi.fn();
const onProblem = vi.fn();
let state: PlanState;

beforeEach(() => {
  for (const mock of [onPlan, onRefused, onIncomplete, onProblem]) mock.mockReset();
  state = new PlanState({ onPlan, onRefused, onIncomplete, onProblem });
});

describe('the plan of a node', () => {
  it('is none while it is not watched, whatever is told', () => {
    state.observe(planOf('p'));
    expect(state.plan).toBeNull();
    expect(onPlan).not.toHaveBeenCalled();
  });

  it('is the one that was known before, until the API tells another', () => {
    state.begin(planOf('p1'));
    expect(onPlan).toHaveBeenLastCalledWith(planOf('p1'));
    state.report('the API server answered 503');
    expect(state.view).toMatchObject({ synced: false, problem: 'the API server answered 503' });
    expect(state.plan?.plan).toBe('p1');
    state.report(null);
    state.observe(planOf('p1'));
    expect(onPlan).toHaveBeenCalledOnce();
    state.observe(planOf('p2'));
    expect(onPlan).toHaveBeenLastCalledWith(planOf('p2'));
    expect(state.view).toMatchObject({ synced: true, exists: true });
  });

  it('that cannot be read is refused once with its reason, and the last good one stays', () => {
    state.begin(undefined);
    state.observe(planOf('p1'));
    const bad = { plan: 'p2', pools: [] };
    state.observe(bad);
    state.observe(bad);
    expect(onRefused.mock.calls).toEqual([[expect.stringContaining('spec.instances: ')]]);
    expect(state.plan?.plan).toBe('p1');
    state.observe(planOf('p1'));
    expect(onRefused).toHaveBeenLastCalledWith(null);
    expect(onPlan).toHaveBeenCalledOnce();
    expect(state.view).toMatchObject({ refused: null, plan: { plan: 'p1' } });
  });

  it('of which a part cannot be carried out is in force but for that, which is said once, and once when it can', () => {
    state.begin(undefined);
    state.observe(planOf('p1'));
    const bad = planOf('p2', 2, { virtualRouterId: 7 });
    state.observe(bad);
    state.observe(bad);
    const problems = ['the plan has the router id 7 twice; default-0 has it'];
    expect(onIncomplete.mock.calls).toEqual([[problems]]);
    expect(onPlan).toHaveBeenLastCalledWith({ ...bad, instances: bad.instances.slice(0, 1) });
    expect(state.view).toMatchObject({ refused: null, problems, plan: { plan: 'p2' } });
    state.observe(planOf('p1'));
    expect(onIncomplete.mock.calls.slice(1)).toEqual([[[]]]);
    expect(onRefused).not.toHaveBeenCalled();
    expect(state.plan).toEqual(planOf('p1'));
  });

  it('is not checked again when it comes back with a report of the node', () => {
    const { instances, ...rest } = planOf('p1');
    let reads = 0;
    const spec = Object.defineProperty({ ...rest }, 'instances', {
      enumerable: true,
      get: () => {
        reads += 1;
        return instances;
      },
    });
    state.begin(undefined);
    state.observe(spec);
    const before = reads;
    state.observe(spec);
    expect(reads - before).toBe(1);
    expect(state.plan).toEqual(planOf('p1'));
  });

  it('keeps what was in force of a pool that is wrong in the next', () => {
    state.begin(planOf('p1'));
    const { pools, ...rest } = planOf('p2', 3);
    state.observe({ ...rest, pools: pools.map((pool) => ({ ...pool, interface: 'eth0:1' })) });
    expect(state.plan).toEqual(planOf('p2', 3));
    expect(state.view.problems).toEqual([expect.stringContaining('pool default: interface: "eth0:1" is no interface')]);
  });

  it('is none when the API tells that there is none, which is not the same as silence', () => {
    state.begin(planOf('p1'));
    state.observe(null);
    expect(onPlan).toHaveBeenLastCalledWith(null);
    expect(state.view).toMatchObject({ synced: true, exists: false, plan: null });
  });

  it.each([
    { what: 'there was none when it first asked', observe: () => state.observe(null), fresh: true },
    { what: 'it never reported on it', observe: () => state.observe(planOf('p1'), false), fresh: true },
    { what: 'it has reported on it before', observe: () => state.observe(planOf('p1'), true), fresh: false },
  ])('is fresh or not, and stays so: $what', ({ observe, fresh }) => {
    state.begin(undefined);
    observe();
    state.observe(planOf('p2'), true);
    expect(state.view.fresh).toBe(fresh);
  });

  it('is not fresh when it was known before', () => {
    state.begin(planOf('p1'));
    state.observe(planOf('p1'), false);
    expect(state.view.fresh).toBe(false);
  });

  it('ends when the node is to take part in no pool', () => {
    state.begin(planOf('p1'));
    state.end();
    expect(onPlan).toHaveBeenLastCalledWith(null);
    expect(state.view.watched).toBe(false);
    state.end();
    expect(onPlan).toHaveBeenCalledTimes(2);
  });
});

describe('the status of a plan', () => {
  const held = {
    address: '192.0.2.101',
    prefixLength: 24,
    family: 4 as const,
    interface: 'eth0',
    present: true,
    sinceMs: 1_700_000_000_000,
  };
  const well = { band: 0 as const, reason: 'healthy' };

  it('has the addresses that are here, and of each pool the worst band', () => {
    const status = planStatusOf({
      version: '1.0.0',
      observedPlan: 'p1',
      instances: [
        { pool: 'a', fitness: well, addresses: [held, { ...held, address: '192.0.2.102', present: false }] },
        { pool: 'a', fitness: { band: 1, reason: 'cannot reach the Kubernetes API' }, addresses: [] },
        { pool: 'b', fitness: undefined, addresses: [] },
      ],
      foreignRouterIds: [],
      bgpFamilies: null,
      problems: ['b-0: no interface'],
      ownAddresses: ['192.0.2.11/24'],
    });
    expect(status).toEqual({
      agentVersion: '1.0.0',
      observedPlan: 'p1',
      held: [{ address: '192.0.2.101', since: '2023-11-14T22:13:20.000Z' }],
      heldCount: 1,
      health: [{ pool: 'a', band: 1, reason: 'cannot reach the Kubernetes API' }],
      problems: ['b-0: no interface'],
      addresses: ['192.0.2.11/24'],
    });
  });

  it('names no plan before keepalived runs one', () => {
    const status = planStatusOf({
      version: '1',
      observedPlan: null,
      instances: [],
      foreignRouterIds: [],
      bgpFamilies: null,
      problems: [],
      ownAddresses: [],
    });
    expect(status).not.toHaveProperty('observedPlan');
  });

  it('names the router ids of foreign routers when there are some', () => {
    const report = {
      ...{ version: '1', observedPlan: 'p1', instances: [], problems: [], ownAddresses: [] },
      bgpFamilies: null,
    };
    expect(planStatusOf({ ...report, foreignRouterIds: [21, 51] })).toHaveProperty('foreignRouterIds', [21, 51]);
    expect(planStatusOf({ ...report, foreignRouterIds: [] })).not.toHaveProperty('foreignRouterIds');
  });
});
