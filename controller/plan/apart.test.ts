import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePlan } from './planner.ts';
import { addresses, input, nodes, pool, remembered, settings } from './testing/scenes.ts';
import type { Demand, Plan, PlanSettings, RememberedGroup } from './types.ts';

const GROUP = 200;
const WITH: PlanSettings = { ...settings, multicastGroup: GROUP };
const [ADDRESS = '', OTHER = ''] = addresses(2);

function local(name: string, address: string, previousGroups: readonly RememberedGroup[] = []): Demand {
  return { ...pool(name, { addresses: [address] }), apart: true, maxGroups: 1, previousGroups };
}

function planOf(demands: readonly Demand[], given: PlanSettings = WITH, foreign: readonly number[] = []): Plan {
  return makePlan(input({ nodes: nodes(2), demands, settings: given, foreignRouterIds: new Set(foreign) }));
}

/** What node-1 is told of VRRP. */
function toldIn(plan: Plan) {
  const { instances = [], apart = [] } = plan.nodes.get('node-1') ?? {};
  return { instances, apart };
}

/** A demand that comes or goes. */
interface Wish {
  readonly apart: boolean;
  readonly at: number;
  readonly isThere: boolean;
}

interface Step {
  readonly wishes: readonly Wish[];
  readonly on: boolean;
}

function change(demands: Map<string, Demand>, { apart, at, isThere }: Wish): void {
  const name = `${apart ? 'svc' : 'pool'}${at}`;
  const [address = ''] = addresses(at + 1, apart ? 0 : 1).slice(-1);
  if (!isThere) demands.delete(name);
  else if (!demands.has(name)) demands.set(name, apart ? local(name, address) : pool(name, { addresses: [address] }));
}

/** Plans, and plans again with what is remembered. */
function review(demands: Map<string, Demand>, given: PlanSettings): void {
  const plan = planOf([...demands.values()], given);
  const told = toldIn(plan);
  const ids = [...told.instances, ...told.apart].map(({ virtualRouterId }) => virtualRouterId);
  expect(new Set(ids).size).toBe(ids.length);
  if (given.multicastGroup === undefined) expect(told.apart).toEqual([]);
  for (const each of remembered([...demands.values()], plan)) demands.set(each.name, each);
  expect(toldIn(planOf([...demands.values()], given))).toEqual(told);
}

function take(demands: Map<string, Demand>, { wishes, on }: Step): void {
  for (const each of wishes) change(demands, each);
  review(demands, { ...(on ? WITH : settings), virtualRouterIds: { first: 1, last: 40 } });
}

describe('demands in a multicast group of their own', () => {
  it('are in a list of their own, that older sidecars do not read; others are where they were', () => {
    const plan = planOf([local('svc', ADDRESS), pool('web', { addresses: [OTHER] })]);
    expect(toldIn(plan)).toMatchObject({
      instances: [{ name: 'web-0', virtualRouterId: 2, addresses: [OTHER] }],
      apart: [{ name: 'svc-0', virtualRouterId: 1, multicastGroup: GROUP, addresses: [ADDRESS] }],
    });
    expect(plan.demands.get('web')?.groups[0]).not.toHaveProperty('multicastGroup');
  });

  it.each<[string, Demand, PlanSettings]>([
    ['the settings have none', local('svc', ADDRESS), settings],
    ['they speak by unicast', { ...local('svc', ADDRESS), unicast: true }, WITH],
  ])('are among the others where %s', (_, demand, given) => {
    expect(toldIn(planOf([demand], given))).toMatchObject({ instances: [{ name: 'svc-0' }], apart: [] });
  });

  it('have seats among the others where some nodes have their addresses on lo, for a seat has no address to advertise', () => {
    const { apart, instances, spares } = planOf([
      { ...local('svc', ADDRESS), everywhere: true, replicas: 1 },
    ]).nodes.get('node-1') ?? { instances: [] };
    expect({ apart, instances }).toEqual({ apart: undefined, instances: [] });
    expect(spares).toMatchObject([{ name: 'svc-0', virtualRouterId: 1, like: ADDRESS }]);
  });

  it('keep group and router id, also one that foreign routers use elsewhere', () => {
    const demands = [local('svc', ADDRESS), local('svc2', OTHER)];
    const before = planOf(demands);
    const again = planOf(remembered(demands, before), WITH, [1, 2]);
    expect(toldIn(again).apart).toEqual(toldIn(before).apart);
    expect([...again.demands.values()].flatMap(({ problems }) => problems)).toEqual([]);
  });

  it('stay where all routers speak when they were there, and leave a group that the settings do not have any more', () => {
    const common = local('svc', ADDRESS, [{ slot: 0, virtualRouterId: 9, addresses: [ADDRESS], nodes: ['node-1'] }]);
    expect(toldIn(planOf([common])).instances).toMatchObject([{ virtualRouterId: 9 }]);
    const [former] = common.previousGroups;
    const apart = former === undefined ? [] : [{ ...former, multicastGroup: 201 }];
    expect(toldIn(planOf([local('svc', ADDRESS, apart)])).apart).toMatchObject([{ multicastGroup: GROUP }]);
    const off = toldIn(planOf([local('svc', ADDRESS, apart)], settings));
    expect(off).toMatchObject({ instances: [{ name: 'svc-0', addresses: [ADDRESS] }], apart: [] });
    expect(off.instances[0]).not.toHaveProperty('multicastGroup');
  });

  it('are not where pools are when an address goes to one', () => {
    const before = planOf([local('svc', ADDRESS)]);
    const departed = before.demands.get('svc')?.groups ?? [];
    const plan = makePlan(
      input({ nodes: nodes(2), demands: [pool('web', { addresses: [ADDRESS] })], settings: WITH, departed }),
    );
    expect(toldIn(plan)).toMatchObject({ instances: [{ name: 'web-0', addresses: [ADDRESS] }], apart: [] });
  });

  it('have 255 router ids whatever pools may have, and one more gets none rather than one that is in use', () => {
    const narrow = { ...WITH, virtualRouterIds: { first: 10, last: 11 } };
    const demands = addresses(256).map((address, index) => local(`svc${index}`, address));
    const plan = planOf([...demands, pool('web', { addresses: [OTHER] })], narrow);
    const ids = toldIn(plan).apart.map(({ virtualRouterId }) => virtualRouterId);
    expect(new Set(ids).size).toBe(255);
    expect(ids).toHaveLength(255);
    const without = [...plan.demands.values()].flatMap((each) =>
      each.addresses.filter(({ slot }) => slot === undefined),
    );
    expect(without.length).toBeGreaterThan(0);
  });

  it('have ids that no other instance of the node has, and keep them, whatever comes and goes', () => {
    const wish = fc.record({ apart: fc.boolean(), at: fc.nat(30), isThere: fc.boolean() });
    const step = fc.record({ wishes: fc.array(wish, { maxLength: 30 }), on: fc.boolean() });
    const check = (steps: readonly Step[]) => {
      const demands = new Map<string, Demand>();
      for (const each of steps) take(demands, each);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 5 }), check), { numRuns: 40 });
  });
});
