import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { assignmentsOf } from './assignments.ts';
import { makePlan } from './planner.ts';
import { addresses, input, node, nodes, onlyDemand, pool, remembered } from './testing/scenes.ts';
import type { Demand, Plan, PlanningNode } from './types.ts';

function some(replicas: number, spec: Partial<VirtualIpPoolSpec> = {}): Demand {
  return pool('web', { addresses: addresses(3), distribution: { mode: 'Replicas', replicas }, ...spec });
}

function firstsOf(plan: Plan): (string | undefined)[] {
  return (plan.demands.get('web')?.groups ?? []).map(({ nodes: [first] }) => first);
}

/** Who has a seat while only some nodes are fit: of each seat the first of its nodes that is, if none leaves a second one to others. */
function seated({ demands }: Plan, fit: ReadonlySet<string>): Set<string> {
  const groups = demands.get('web')?.groups ?? [];
  return new Set(groups.flatMap(({ nodes: order }) => order.find((name) => fit.has(name)) ?? []));
}

function without(cluster: readonly PlanningNode[], lost: readonly number[]): Set<string> {
  return new Set(cluster.filter((_, index) => !lost.includes(index)).map(({ name }) => name));
}

describe('addresses that some nodes have', () => {
  it('are in the plan of each node that may be elected, with an instance without addresses for each seat', () => {
    const plan = makePlan(input({ demands: [some(2)], nodes: nodes(3) }));
    const seat = (slot: number, rank: number) => ({
      ...{ name: `web-${slot}`, pool: 'web', virtualRouterId: 1 + slot, rank, like: '192.168.0.1' },
    });
    expect(plan.nodes.get('node-3')).toEqual({
      pools: [{ name: 'web', interface: '', onLoopback: true, failbackDelaySeconds: 30 }],
      instances: [],
      spares: [seat(0, 1), seat(1, 1)],
      loopback: [{ name: 'web', pool: 'web', elected: true, addresses: addresses(3) }],
    });
    expect(plan.nodes.get('node-1')?.spares).toEqual([seat(0, 0), seat(1, 2)]);
    expect(plan.demands.get('web')).toMatchObject({ everywhere: true, problems: [], refused: [] });
  });

  it('are preferred by different nodes, and these stay preferred while others come and go', () => {
    const counts = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(8));
    fc.assert(
      fc.property(counts, ([size, replicas, gone]) => {
        const cluster = nodes(size);
        const plan = makePlan(input({ demands: [some(replicas)], nodes: cluster }));
        const firsts = firstsOf(plan);
        expect(firsts).toHaveLength(replicas);
        expect(new Set(firsts).size).toBe(Math.min(size, replicas));
        const left = cluster.filter((_, index) => index !== gone % size);
        const next = makePlan(input({ demands: remembered([some(replicas)], plan), nodes: left }));
        const names = new Set(left.map(({ name }) => name));
        for (const [seat, first] of firsts.slice(0, size).entries())
          if (first !== undefined && names.has(first)) expect(firstsOf(next)[seat]).toBe(first);
        expect(new Set(firstsOf(next)).size).toBe(Math.min(left.length, replicas) || 1);
      }),
    );
  });

  it('are on two nodes while two are fit, whichever fail, by the order of preference alone', () => {
    const lost = fc.uniqueArray(fc.nat(5), { maxLength: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 6 }), lost, (size, failed) => {
        const cluster = nodes(size);
        const fit = without(cluster, failed);
        const plan = makePlan(input({ demands: [some(2)], nodes: cluster }));
        expect(seated(plan, fit).size).toBe(Math.min(2, fit.size));
      }),
    );
  });

  it('keep their seats and router ids, and a plan made again is the same', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(steps, (wishes) => {
        let before: Plan | undefined;
        for (const replicas of wishes) {
          const demand = some(replicas);
          const demands = before === undefined ? [demand] : remembered([demand], before);
          const plan = makePlan(input({ demands, nodes: nodes(4) }));
          const groups = plan.demands.get('web')?.groups ?? [];
          expect(new Set(groups.map(({ virtualRouterId }) => virtualRouterId)).size).toBe(replicas);
          const kept = before?.demands.get('web')?.groups.slice(0, replicas) ?? [];
          const ids = kept.map(({ slot, virtualRouterId }) => ({ slot, virtualRouterId }));
          expect(groups.slice(0, kept.length)).toMatchObject(ids);
          const again = makePlan(input({ demands: remembered([demand], plan), nodes: nodes(4) }));
          expect(again.nodes).toEqual(plan.nodes);
          before = plan;
        }
      }),
    );
  });

  it('of two pools are preferred by different nodes', () => {
    const other = pool('other', { addresses: addresses(1, 1), distribution: { mode: 'Replicas', replicas: 2 } });
    const plan = makePlan(input({ demands: [some(2), other], nodes: nodes(4) }));
    const firsts = [...plan.demands.values()].flatMap(({ groups }) => groups.map(({ nodes: [first] }) => first));
    expect(new Set(firsts).size).toBe(4);
  });

  it('take no router id while there is none of them', () => {
    const empty = some(2, { addresses: undefined, ranges: [{ cidr: '203.0.113.0/24' }] });
    expect(onlyDemand(input({ demands: [empty], nodes: nodes(3) }))).toMatchObject({ groups: [], problems: [] });
  });

  it('are on fewer nodes where router ids or nodes are too few, and that is said', () => {
    const narrow = some(3, { vrrp: { virtualRouterIds: { first: 7, last: 8 } } });
    expect(onlyDemand(input({ demands: [narrow], nodes: nodes(3) })).problems).toEqual([
      { kind: 'RouterIdsExhausted', message: expect.stringContaining('only 2 can be had: at most 2 nodes have') },
    ]);
    expect(onlyDemand(input({ demands: [some(3)], nodes: nodes(2) })).problems).toEqual([
      {
        kind: 'FewerNodesThanReplicas',
        message: expect.stringContaining('3 nodes are to have the addresses, and only 2'),
      },
    ]);
  });

  it('stay with who has them and may not any more, until others were elected', () => {
    const demand = some(1);
    const cluster = nodes(2);
    const first = makePlan(input({ demands: [demand], nodes: cluster }));
    const plans = [...first.nodes].map(([name, content]) => {
      const held = name === 'node-1' ? addresses(3).map((address) => ({ address, since: '2026-01-01T00:00:00Z' })) : [];
      return { metadata: { name }, spec: { plan: 'a', ...content }, status: { observedPlan: 'a', held } };
    });
    const narrower = [node('node-1', { taints: [{ key: 'gone', effect: 'NoSchedule' }] }), node('node-2')];
    const assignments = assignmentsOf(plans, narrower);
    const next = makePlan(input({ demands: remembered([demand], first), nodes: narrower, assignments }));
    expect(next.nodes.get('node-1')?.spares).toEqual([expect.objectContaining({ leaving: true, rank: 1 })]);
    expect(next.nodes.get('node-1')?.loopback).toHaveLength(1);
  });
});
