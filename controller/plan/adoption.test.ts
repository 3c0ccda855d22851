import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import { makePlan } from './planner.ts';
import { addresses, input, nodes, pool, remembered, settings } from './testing/scenes.ts';
import type { Demand, Plan, PlanInput } from './types.ts';

const ADDRESS = '192.168.0.9';
const spare = { like: '192.168.0.1', fits: (address: string) => address.startsWith('192.168.') };

function group(slot: number, virtualRouterId: number, ...addresses: string[]): AddressGroup {
  return { slot, virtualRouterId, addresses, nodes: ['node-2', 'node-3', 'node-1'] };
}

function demand(name: string, addresses: readonly string[], groups: readonly AddressGroup[] = []): Demand {
  return pool(name, { addresses: [...addresses] }, { groups });
}

function planOf(demands: readonly Demand[], changes: Partial<PlanInput> = {}): Plan {
  return makePlan(input({ nodes: nodes(3), demands, ...changes }));
}

function groupsOf(plan: Plan, name: string): readonly AddressGroup[] {
  return plan.demands.get(name)?.groups ?? [];
}

describe('an address that goes to another demand', () => {
  it('takes the group along that it has to itself: its router id, and the order of its nodes', () => {
    const web = demand('web', [], [group(4, 7, ADDRESS)]);
    const plan = planOf([web, demand('local', [ADDRESS])]);
    expect(groupsOf(plan, 'local')).toEqual([group(0, 7, ADDRESS)]);
    expect(groupsOf(plan, 'web')).toEqual([]);
    expect(plan.nodes.get('node-2')?.instances).toMatchObject([{ name: 'local-0', virtualRouterId: 7, rank: 0 }]);
  });

  it('does so also where nothing is asked for any more under the name that it had, and rather than join a group that is ready', () => {
    const web = { ...demand('web', [ADDRESS], [group(0, 3)]), spare };
    const plan = planOf([web], { departed: [group(0, 7, ADDRESS)] });
    expect(groupsOf(plan, 'web')).toMatchObject([
      { slot: 0, virtualRouterId: 3, addresses: [] },
      { slot: 1, virtualRouterId: 7, addresses: [ADDRESS], nodes: ['node-2', 'node-3', 'node-1'] },
    ]);
  });

  it('leaves no group behind that is ready for the next one under the same id', () => {
    const web = { ...demand('web', [], [group(0, 7, ADDRESS)]), spare };
    const plan = planOf([web, demand('local', [ADDRESS])]);
    expect(groupsOf(plan, 'local')).toMatchObject([{ virtualRouterId: 7 }]);
    expect(groupsOf(plan, 'web')).toMatchObject([{ virtualRouterId: 1, addresses: [] }]);
  });

  it.each<[string, Demand, object]>([
    [
      'the group that is ready for the next one',
      { ...demand('web', [], [group(0, 7, ADDRESS)]), spare },
      { slot: 1, addresses: [] },
    ],
    ['a new group', demand('web', ['192.168.0.8'], [group(0, 7, ADDRESS)]), { slot: 1, addresses: ['192.168.0.8'] }],
  ])('leaves a name behind that %s does not get in the same plan', (_, web, expected) => {
    const before = planOf([web, demand('local', [ADDRESS])]);
    expect(groupsOf(before, 'local')).toEqual([group(0, 7, ADDRESS)]);
    expect(groupsOf(before, 'web')).toMatchObject([expected]);
    const again = remembered([web, demand('local', [ADDRESS])], before);
    expect(planOf(again).demands.get('web')?.groups).toEqual(groupsOf(before, 'web'));
  });

  it('leaves no name behind either where the one that had it remembers less than the one that has it', () => {
    const web = { ...demand('web', [], [group(0, 7, ADDRESS)]), spare };
    const plan = planOf([web, demand('local', [ADDRESS], [group(0, 7, ADDRESS)])]);
    expect(groupsOf(plan, 'local')).toEqual([group(0, 7, ADDRESS)]);
    expect(groupsOf(plan, 'web')).toMatchObject([{ slot: 1, addresses: [] }]);
  });

  it('goes past one that comes the other way without either getting the name that the other had', () => {
    const web = demand('web', ['192.168.0.8'], [group(0, 7, ADDRESS)]);
    const plan = planOf([web, demand('local', [ADDRESS], [group(0, 9, '192.168.0.8')])]);
    expect(groupsOf(plan, 'web')).toEqual([group(1, 9, '192.168.0.8')]);
    expect(groupsOf(plan, 'local')).toEqual([group(1, 7, ADDRESS)]);
  });

  it.each<[string, Demand[]]>([
    [
      'shares its group with one that stays',
      [demand('web', ['192.168.0.8'], [group(0, 7, '192.168.0.8', ADDRESS)]), demand('local', [ADDRESS])],
    ],
    [
      'shares it with one that goes elsewhere',
      [
        demand('web', [], [group(0, 7, '192.168.0.8', ADDRESS)]),
        demand('local', [ADDRESS]),
        demand('third', ['192.168.0.8']),
      ],
    ],
    [
      'comes to a demand that has as many groups as it may',
      [
        demand('web', [], [group(0, 7, ADDRESS)]),
        { ...demand('local', [ADDRESS, '192.168.0.7'], [group(0, 9, '192.168.0.7')]), maxGroups: 1 },
      ],
    ],
    [
      'comes to one whose range its id is not in',
      [
        demand('web', [], [group(0, 7, ADDRESS)]),
        { ...demand('local', [ADDRESS]), virtualRouterIds: { first: 20, last: 29 } },
      ],
    ],
  ])('gets a router id of its new demand where it %s', (_, demands) => {
    const plan = planOf(demands);
    const own = groupsOf(plan, 'local').find(({ addresses }) => addresses.includes(ADDRESS));
    expect(own?.virtualRouterId).not.toBe(7);
    expect(own).toBeDefined();
  });

  it('is where it was when the plan is made again', () => {
    const before = planOf([demand('web', [], [group(4, 7, ADDRESS)]), demand('local', [ADDRESS])]);
    const demands = [demand('web', [], groupsOf(before, 'web')), demand('local', [ADDRESS], groupsOf(before, 'local'))];
    expect(planOf(demands, { departed: [group(4, 7, ADDRESS)], settings })).toEqual(before);
  });
});

describe('while addresses go to and fro', () => {
  const all = addresses(8);
  const anyOwners = fc.array(fc.nat(3), { minLength: all.length, maxLength: all.length });
  const few = { ...settings, virtualRouterIds: { first: 1, last: 10 }, maxGroupsPerPool: 4 };
  const names = ['web', 'local', 'third'];

  function named(plan: Plan) {
    return names.flatMap((name) => groupsOf(plan, name).map((each) => ({ ...each, name: `${name}-${each.slot}` })));
  }

  it('no group has the name of one that goes on under another', () => {
    fc.assert(
      fc.property(fc.array(anyOwners, { minLength: 2, maxLength: 8 }), (life) => {
        let demands: Demand[] = [
          { ...demand('web', []), spare },
          demand('local', []),
          { ...demand('third', []), maxGroups: 1 },
        ];
        let before = planOf(demands, { settings: few });
        for (const owners of life) {
          demands = remembered(demands, before).map((each, of) => ({
            ...each,
            addresses: all.filter((_, index) => owners[index] === of),
          }));
          const plan = planOf(demands, { settings: few });
          const now = named(plan);
          const used = new Set(now.map(({ name }) => name));
          const renamed = named(before).filter(({ name, virtualRouterId, addresses: own }) =>
            now.some(
              (each) =>
                each.name !== name &&
                each.virtualRouterId === virtualRouterId &&
                each.addresses.some((address) => own.includes(address)),
            ),
          );
          expect(renamed.filter(({ name }) => used.has(name))).toEqual([]);
          before = plan;
        }
      }),
      { numRuns: 200 },
    );
  });
});
