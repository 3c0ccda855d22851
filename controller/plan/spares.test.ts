import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodePlanSpecSchema } from '../../api/node-plan.ts';
import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import { nodePlanSpec } from '../reconcile/node-plan-spec.ts';
import { assignmentsOf } from './assignments.ts';
import { makePlan } from './planner.ts';
import { addresses, input, nodes, onlyDemand, pool, remembered, settings } from './testing/scenes.ts';
import type { Demand, DemandPlan, Plan, PlanInput, PlanSettings } from './types.ts';

const LIKE = '192.168.0.1';
const spare = { like: LIKE, fits: (address: string) => address.startsWith('192.168.') };

/** A pool that serves Services, which have so many addresses of it. */
function serving(name: string, list: readonly string[], groups: readonly AddressGroup[] = []): Demand {
  return { ...pool(name, { addresses: [...list] }, { groups }), spare };
}

function planFor(list: readonly string[], groups: readonly AddressGroup[] = [], changes: Partial<PlanInput> = {}) {
  return onlyDemand(input({ nodes: nodes(3), demands: [serving('web', list, groups)], ...changes }));
}

function limited(changes: Partial<PlanSettings>): { settings: PlanSettings } {
  return { settings: { ...settings, ...changes } };
}

function sparesOf({ groups }: DemandPlan): AddressGroup[] {
  return groups.filter((group) => group.addresses.length === 0);
}

describe('a pool that serves Services', () => {
  it('has a group without an address, which its nodes run as one that holds nothing', () => {
    const plan = makePlan(input({ nodes: nodes(3), demands: [serving('web', [])] }));
    expect(plan.demands.get('web')?.groups).toEqual([
      { slot: 0, virtualRouterId: 1, addresses: [], nodes: ['node-1', 'node-2', 'node-3'] },
    ]);
    const content = plan.nodes.get('node-2');
    expect(content).toMatchObject({
      ...{ pools: [{ name: 'web' }], instances: [] },
      spares: [{ name: 'web-0', pool: 'web', virtualRouterId: 1, rank: 1, like: LIKE }],
    });
    expect(nodePlanSpecSchema.safeParse(content && nodePlanSpec(content)).success).toBe(true);
  });

  it('puts the next address into it, where nothing changes but that, and has another one ready', () => {
    const before = planFor([]);
    const [ready] = before.groups;
    const after = planFor(['192.168.0.9'], before.groups);
    expect(after.groups[0]).toEqual({ ...ready, addresses: ['192.168.0.9'] });
    expect(sparesOf(after)).toMatchObject([{ slot: 1, virtualRouterId: 2 }]);
    expect(sparesOf(after)[0]?.nodes[0]).not.toBe(ready?.nodes[0]);
  });

  it('puts one of several new addresses into it, and those that belong elsewhere into groups of their own', () => {
    const before = planFor([]);
    const after = planFor(['10.0.0.1', '192.168.0.8', '192.168.0.9'], before.groups);
    expect(after.groups.map(({ slot, addresses: own }) => [slot, ...own])).toEqual([
      [0, '192.168.0.8'],
      [1, '10.0.0.1'],
      [2, '192.168.0.9'],
      [3],
    ]);
    const other = planFor(['10.0.0.1'], before.groups);
    expect(other.groups.map(({ slot, addresses: own }) => [slot, ...own])).toEqual([[0], [1, '10.0.0.1']]);
  });

  it('has one at most: of one whose address is gone and the one that was ready, the latter stays', () => {
    const before = planFor(['192.168.0.9'], planFor([]).groups);
    const after = planFor([], before.groups);
    expect(after.groups).toEqual([expect.objectContaining({ slot: 1, virtualRouterId: 2, addresses: [] })]);
  });

  it('keeps the last group when its address is gone and no other was ready, since its instance runs', () => {
    const full = planFor(['192.168.0.9'], [], limited({ maxGroupsPerPool: 1 }));
    expect(sparesOf(full)).toEqual([]);
    expect(planFor([], full.groups).groups).toMatchObject([{ slot: 0, virtualRouterId: 1, addresses: [] }]);
  });

  it('has none once it has as many groups as it may', () => {
    const plan = planFor(addresses(61), planFor(addresses(59)).groups);
    expect(plan.groups).toHaveLength(60);
    expect(sparesOf(plan)).toEqual([]);
  });

  it('gives its id up where an address of another pool has no other, and leaves those for pools to come alone', () => {
    const four = limited({ virtualRouterIds: { first: 1, last: 4 } });
    const alone = planFor(addresses(3), [], four);
    expect(sparesOf(alone)).toMatchObject([{ virtualRouterId: 4 }]);
    const demands = [serving('web', addresses(3), alone.groups), pool('other', { addresses: ['10.0.0.1'] })];
    const plan = makePlan(input({ nodes: nodes(3), demands, ...four }));
    expect(plan.demands.get('other')?.groups).toMatchObject([{ virtualRouterId: 4 }]);
    expect(plan.demands.get('web')?.groups).toHaveLength(3);
    const common = limited({ virtualRouterIds: { first: 1, last: 32 } });
    expect(sparesOf(planFor(addresses(29), [], common))).toHaveLength(1);
    expect(sparesOf(planFor(addresses(30), [], common))).toEqual([]);
  });

  it('keeps its id while others need some, as long as there are more', () => {
    const before = planFor([]);
    const demands = [serving('web', [], before.groups), pool('other', { addresses: addresses(3, 1) })];
    const plan = makePlan(input({ nodes: nodes(3), demands }));
    expect(plan.demands.get('web')?.groups).toEqual(before.groups);
    expect(plan.demands.get('other')?.groups.map(({ virtualRouterId }) => virtualRouterId)).toEqual([2, 3, 4]);
  });

  it('gives up an id that a foreign router uses', () => {
    const before = planFor([]);
    const after = planFor([], before.groups, { foreignRouterIds: new Set([1]) });
    expect(after.groups).toMatchObject([{ slot: 0, virtualRouterId: 2 }]);
    expect(after.problems).toEqual([]);
  });

  it('has it elected by unicast as well, and known to all before a node joins it', () => {
    const unicast = { ...serving('web', []), unicast: true };
    const plan = makePlan(input({ nodes: nodes(2), demands: [unicast] }));
    expect(plan.nodes.get('node-1')?.spares).toMatchObject([{ peers: ['10.1.0.3'] }]);
    const plans = [...plan.nodes].map(([name, content]) => {
      const spec = nodePlanSpec(content);
      return { metadata: { name }, spec, status: { observedPlan: spec.plan } };
    });
    const grown = input({
      nodes: nodes(3),
      demands: remembered([unicast], plan),
      assignments: assignmentsOf(plans, nodes(3)),
    });
    expect(makePlan(grown).demands.get('web')?.pending).toEqual([
      { instance: 'web-0', node: 'node-3', state: 'joins' },
    ]);
  });
});

describe('while Services come and go', () => {
  const lifeOf = (most: number) =>
    fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 24 }), { maxLength: most }), { minLength: 2, maxLength: 10 });
  const anyLife = lifeOf(20);
  const few: PlanSettings = { ...settings, virtualRouterIds: { first: 1, last: 24 }, maxGroupsPerPool: 12 };
  const all = addresses(25);

  function live(life: readonly (readonly number[])[], look: (plan: Plan, before: Plan, from: PlanInput) => void): void {
    let state = input({
      nodes: nodes(3),
      demands: [serving('web', []), serving('old', addresses(2, 1))],
      settings: few,
    });
    let before = makePlan(state);
    for (const present of life) {
      const listed = present.map((index) => all[index] ?? '');
      const demands = remembered(state.demands, before).map((each) =>
        each.name === 'web' ? { ...each, addresses: listed } : each,
      );
      state = { ...state, demands };
      const plan = makePlan(state);
      look(plan, before, state);
      before = plan;
    }
  }

  function groupOf(plan: Plan, address: string): AddressGroup | undefined {
    return plan.demands.get('web')?.groups.find((group) => group.addresses.includes(address));
  }

  it('no address leaves its group, and a group has its id as long as it has addresses', () => {
    fc.assert(
      fc.property(anyLife, (life) => {
        live(life, (plan, before) => {
          for (const address of all) {
            const [was, is] = [groupOf(before, address), groupOf(plan, address)];
            if (was === undefined || is === undefined) continue;
            expect([is.slot, is.virtualRouterId]).toEqual([was.slot, was.virtualRouterId]);
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  it('an address that joins a group which was ready is first on the node that has it, and no other moves for it', () => {
    fc.assert(
      fc.property(lifeOf(11), (life) => {
        live(life, (plan, before) => {
          const ready = before.demands.get('web')?.groups.find((group) => group.addresses.length === 0);
          const now = plan.demands.get('web')?.groups.find(({ slot }) => slot === ready?.slot);
          if (ready === undefined || now === undefined) return;
          const kept = all.filter((address) => groupOf(before, address) !== undefined);
          const grown = kept.every((address) => groupOf(plan, address) !== undefined);
          // Where addresses have gone as well, others may move to level what is left.
          if (grown && now.addresses.length === 1) expect(now.nodes[0]).toBe(ready.nodes[0]);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('no two groups have one id, a pool has one group without addresses at most, and a plan made again is the same', () => {
    fc.assert(
      fc.property(anyLife, (life) => {
        live(life, (plan, _, from) => {
          const groups = [...plan.demands.values()].flatMap((demand) => demand.groups);
          const ids = groups.map(({ virtualRouterId }) => virtualRouterId);
          expect(new Set(ids).size).toBe(ids.length);
          for (const demand of plan.demands.values()) expect(sparesOf(demand).length).toBeLessThanOrEqual(1);
          expect(makePlan({ ...from, demands: remembered(from.demands, plan) })).toEqual(plan);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('addresses are spread as they are where no group is ready', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 11 }), fc.integer({ min: 1, max: 6 }), (count, size) => {
        const list = all.slice(0, count);
        const of = (demand: Demand) => onlyDemand(input({ nodes: nodes(size), demands: [demand], settings: few }));
        const held = of(serving('web', list)).groups.filter((group) => group.addresses.length > 0);
        expect(held).toEqual(of(pool('web', { addresses: list })).groups);
      }),
      { numRuns: 60 },
    );
  });
});
