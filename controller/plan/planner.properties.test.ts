import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import { makePlan } from './planner.ts';
import { spreadOf } from './spread.ts';
import { addresses, input, nodes, onlyDemand, pool, remembered, settings } from './testing/scenes.ts';
import type { Demand, DemandPlan, Plan, PlanInput, PlanningNode } from './types.ts';

const anyCount = fc.integer({ min: 1, max: 8 });
/** As many addresses as there are groups: each has a group of its own. */
const few = fc.integer({ min: 1, max: settings.maxGroupsPerPool });
const many = fc.integer({ min: settings.maxGroupsPerPool + 1, max: 300 });

function planFor(cluster: readonly PlanningNode[], list: readonly string[], groups: readonly AddressGroup[] = []) {
  return onlyDemand(input({ nodes: cluster, demands: [pool('default', { addresses: [...list] }, { groups })] }));
}

function skew({ groups }: DemandPlan, cluster: readonly PlanningNode[], ...lost: string[]): number {
  const { least, most } = spreadOf(
    groups,
    cluster.map(({ name }) => name),
    new Set(lost),
  );
  return most - least;
}

/** Addresses whose first node is another one than before; those that are new or gone do not count. */
function movedBetween(before: readonly AddressGroup[], after: readonly AddressGroup[]): string[] {
  const firsts = new Map(before.flatMap((group) => group.addresses.map((address) => [address, group.nodes[0]])));
  const now = after.flatMap((group) => group.addresses.map((address) => [address, group.nodes[0]] as const));
  return now
    .filter(([address, first]) => firsts.has(address) && firsts.get(address) !== first)
    .map(([address]) => address);
}

function firstOf({ groups }: DemandPlan, address: string): string | undefined {
  return groups.find((group) => group.addresses.includes(address))?.nodes[0];
}

function property<T extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
  numRuns = 60,
): void {
  fc.assert(fc.property<T>(...arbitraries, check), { numRuns });
}

describe('with a group for every address', () => {
  it('no two of up to eight nodes differ by more than one address', () => {
    property([anyCount, few], (count, size) => {
      expect(skew(planFor(nodes(count), addresses(size)), nodes(count))).toBeLessThanOrEqual(1);
    });
  });

  it('no two differ by more than one after the loss of any one node', () => {
    property([fc.integer({ min: 2, max: 8 }), few], (count, size) => {
      const plan = planFor(nodes(count), addresses(size));
      for (const { name } of nodes(count)) expect(skew(plan, nodes(count), name)).toBeLessThanOrEqual(1);
    });
  });

  it('a new node gets its share and nothing else moves', () => {
    property([anyCount, few], (count, size) => {
      const before = planFor(nodes(count), addresses(size));
      const after = planFor(nodes(count + 1), addresses(size), before.groups);
      const newcomer = `node-${count + 1}`;
      const moved = movedBetween(before.groups, after.groups);
      expect(skew(after, nodes(count + 1))).toBeLessThanOrEqual(1);
      expect(moved.length).toBeLessThanOrEqual(Math.floor(size / (count + 1)));
      expect(moved.every((address) => firstOf(after, address) === newcomer)).toBe(true);
    });
  });

  it('only what a lost node held moves', () => {
    property([fc.integer({ min: 2, max: 8 }), few, fc.nat(7)], (count, size, which) => {
      const lost = `node-${(which % count) + 1}`;
      const before = planFor(nodes(count), addresses(size));
      const rest = nodes(count).filter(({ name }) => name !== lost);
      const after = planFor(rest, addresses(size), before.groups);
      expect(movedBetween(before.groups, after.groups).every((address) => firstOf(before, address) === lost)).toBe(
        true,
      );
      expect(skew(after, rest)).toBeLessThanOrEqual(1);
    });
  });

  it('an address more moves none, and one less moves at most one', () => {
    property([anyCount, fc.integer({ min: 1, max: 59 }), fc.nat(58)], (count, size, which) => {
      const all = addresses(size + 1);
      const before = planFor(nodes(count), all.slice(0, -1));
      const more = planFor(nodes(count), all, before.groups);
      expect(movedBetween(before.groups, more.groups)).toEqual([]);
      const less = planFor(nodes(count), all.toSpliced(which % all.length, 1), more.groups);
      expect(movedBetween(more.groups, less.groups).length).toBeLessThanOrEqual(1);
      expect(skew(less, nodes(count))).toBeLessThanOrEqual(1);
    });
  });
});

describe('with more addresses than groups', () => {
  it('no two of up to six nodes differ by more than one address', () => {
    property([fc.integer({ min: 1, max: 6 }), many], (count, size) => {
      expect(skew(planFor(nodes(count), addresses(size)), nodes(count))).toBeLessThanOrEqual(1);
    });
  });

  it('no two of three differ by more than one after the loss of any one', () => {
    property([fc.integer({ min: 2, max: 3 }), many], (count, size) => {
      const plan = planFor(nodes(count), addresses(size));
      for (const { name } of nodes(count)) expect(skew(plan, nodes(count), name)).toBeLessThanOrEqual(1);
    });
  });

  it('any number of nodes differ by a big group at most, also after the loss of any one', () => {
    property(
      [fc.integer({ min: 2, max: 12 }), many],
      (count, size) => {
        const plan = planFor(nodes(count), addresses(size));
        const biggest = Math.max(...plan.groups.map((group) => group.addresses.length));
        expect(skew(plan, nodes(count))).toBeLessThanOrEqual(biggest);
        for (const { name } of nodes(count)) expect(skew(plan, nodes(count), name)).toBeLessThanOrEqual(biggest);
      },
      50,
    );
  });

  it('a new node moves its share and a big group at most, up to six nodes and 200 addresses', () => {
    property(
      [fc.integer({ min: 1, max: 6 }), fc.integer({ min: settings.maxGroupsPerPool + 1, max: 200 })],
      (count, size) => {
        const before = planFor(nodes(count), addresses(size));
        const after = planFor(nodes(count + 1), addresses(size), before.groups);
        const biggest = Math.max(...before.groups.map((group) => group.addresses.length));
        const moved = movedBetween(before.groups, after.groups).length;
        expect(moved).toBeLessThanOrEqual(Math.ceil(size / (count + 1)) + biggest);
      },
      50,
    );
  });
});

/** A step of a cluster's life. */
type Step =
  | { readonly kind: 'nodes'; readonly present: readonly boolean[] }
  | { readonly kind: 'cordon'; readonly node: number }
  | { readonly kind: 'addresses'; readonly pool: number; readonly from: number; readonly to: number }
  | { readonly kind: 'foreign'; readonly id: number };

const POOLS = ['blue', 'green', 'red'] as const;
const NODES = 7;

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('nodes' as const),
    present: fc.array(fc.boolean(), { minLength: NODES, maxLength: NODES }),
  }),
  fc.record({ kind: fc.constant('cordon' as const), node: fc.nat(NODES - 1) }),
  fc.record({ kind: fc.constant('addresses' as const), pool: fc.nat(2), from: fc.nat(20), to: fc.nat(40) }),
  fc.record({ kind: fc.constant('foreign' as const), id: fc.integer({ min: 1, max: 60 }) }),
);

const RESERVED = [3, 17];
const life = { ...settings, virtualRouterIds: { first: 1, last: 60 }, maxGroupsPerPool: 15 };
const lifeSettings = { ...life, reserved: { addresses: ['192.168.0.5'], virtualRouterIds: RESERVED } };

function lived(state: PlanInput, step: Step): PlanInput {
  switch (step.kind) {
    case 'nodes':
      return { ...state, nodes: nodes(NODES).filter((_, index) => step.present[index]) };
    case 'cordon':
      return {
        ...state,
        nodes: state.nodes.map((each, index) => ({
          ...each,
          unschedulable: index === step.node ? !each.unschedulable : each.unschedulable,
        })),
      };
    case 'addresses':
      return {
        ...state,
        demands: state.demands.map((each, index) => (index === step.pool ? edited(each, step) : each)),
      };
    case 'foreign':
      return { ...state, foreignRouterIds: new Set([...state.foreignRouterIds, step.id]) };
  }
}

/** The first pool's addresses are also the second's, in part: there are conflicts. */
function edited(old: Demand, { pool: index, from, to }: Extract<Step, { kind: 'addresses' }>): Demand {
  const offset = index === 1 ? 30 : 0;
  const range = index === 2 ? 1 : 0;
  return { ...old, addresses: addresses(offset + from + to + 1, range).slice(offset + from) };
}

/** Where each address is. */
function placesIn(plan: Plan) {
  return [...plan.demands.values()].flatMap(({ name, groups }) =>
    groups.flatMap(({ slot, virtualRouterId, addresses: own }) =>
      own.map((address) => ({ pool: name, address, slot, virtualRouterId })),
    ),
  );
}

const beginning = input({
  nodes: nodes(NODES),
  demands: POOLS.map((name) => pool(name, { addresses: ['172.16.0.1'] })),
  settings: lifeSettings,
});

describe('through a cluster’s life', () => {
  const anyLife = fc.array(anyStep, { minLength: 1, maxLength: 12 });

  /** Lives through the steps; `look` sees each plan, the input it was made from, and the plan before. */
  function live(steps: readonly Step[], check: (plan: Plan, from: PlanInput, before: Plan) => void): void {
    let state = beginning;
    let before = makePlan(state);
    for (const step of steps) {
      state = lived({ ...state, demands: remembered(state.demands, before) }, step);
      const plan = makePlan(state);
      check(plan, state, before);
      before = plan;
    }
  }

  it('no two groups have one router id, and none has a reserved one', () => {
    property([anyLife], (steps) => {
      live(steps, (plan) => {
        const ids = [...plan.demands.values()].flatMap(({ groups }) => groups.map((group) => group.virtualRouterId));
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.filter((id) => RESERVED.includes(id))).toEqual([]);
      });
    });
  });

  it('an address is in one group at most, and stays in it with its router id', () => {
    property([anyLife], (steps) => {
      live(steps, (plan, { foreignRouterIds }, before) => {
        const now = placesIn(plan);
        const places = new Map(now.map((place) => [`${place.pool} ${place.address}`, place]));
        expect(new Set(now.map(({ address }) => address)).size).toBe(now.length);
        const stayed = placesIn(before).filter(({ pool: owner, address }) => places.has(`${owner} ${address}`));
        for (const { pool: owner, address, slot, virtualRouterId } of stayed) {
          const place = places.get(`${owner} ${address}`);
          const foreign = foreignRouterIds.has(virtualRouterId);
          expect(place).toMatchObject(foreign ? { slot } : { slot, virtualRouterId });
        }
      });
    });
  });

  it('a plan made again changes nothing, whatever the order of what it is made from', () => {
    property(
      [anyLife],
      (steps) => {
        live(steps, (plan, from) => {
          const again = { ...from, demands: remembered(from.demands, plan) };
          const next = makePlan(again);
          for (const [name, { groups }] of plan.demands) expect(next.demands.get(name)?.groups).toEqual(groups);
          expect(next.nodes).toEqual(plan.nodes);
          const shuffled = {
            ...from,
            nodes: from.nodes.toReversed(),
            demands: from.demands.map((each) => ({ ...each, addresses: each.addresses.toReversed() })).toReversed(),
          };
          expect(makePlan(shuffled)).toEqual(plan);
        });
      },
      50,
    );
  });

  it('cordoned nodes are last, and have no first or second choice while there are two others', () => {
    property([anyLife], (steps) => {
      live(steps, (plan, from) => {
        const cordoned = new Set(from.nodes.filter(({ unschedulable }) => unschedulable).map(({ name }) => name));
        for (const { nodes: order } of [...plan.demands.values()].flatMap(({ groups }) => groups)) {
          const flags = order.map((name) => cordoned.has(name));
          expect(flags).toEqual(flags.toSorted((a, b) => Number(a) - Number(b)));
          expect(order).toHaveLength(from.nodes.length);
          expect(new Set(order).size).toBe(order.length);
        }
      });
    });
  });

  it('what the nodes are told is what the pools say', () => {
    property([anyLife], (steps) => {
      live(steps, (plan) => {
        const said = [...plan.demands.values()].flatMap(({ name, groups }) =>
          groups.flatMap(({ slot, nodes: order }) => order.map((each, rank) => `${each} ${name}-${slot} ${rank}`)),
        );
        const planned = [...plan.nodes].flatMap(([each, { instances }]) =>
          instances.map(({ name, rank }) => `${each} ${name} ${rank}`),
        );
        expect(planned.sort()).toEqual(said.sort());
      });
    });
  });
});

describe('zones', () => {
  it('of the first and the second node differ wherever there are two', () => {
    property([fc.array(fc.nat(3), { minLength: 2, maxLength: 8 }), few], (zones, size) => {
      const cluster = nodes(zones.length).map((each, index) => ({ ...each, labels: { zone: `z${zones[index]}` } }));
      const spec = { addresses: addresses(size), spread: { topologyKey: 'zone' } };
      const plan = onlyDemand(input({ nodes: cluster, demands: [pool('default', spec)] }));
      const zoneOf = new Map(cluster.map(({ name, labels }) => [name, labels.zone]));
      expect(skew(plan, cluster)).toBeLessThanOrEqual(1);
      if (new Set(zones).size === 1) return;
      for (const { nodes: order } of plan.groups) {
        expect(zoneOf.get(order[0] ?? '')).not.toBe(zoneOf.get(order[1] ?? ''));
      }
    });
  });
});
