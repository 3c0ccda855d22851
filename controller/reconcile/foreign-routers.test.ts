import { describe, expect, it } from 'vitest';
import type { NodePlan, NodePlanStatus } from '../../api/node-plan.ts';
import { foreignRouters, type LoneReports } from './foreign-routers.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A node that runs instances of these ids, by multicast, and carries out its newest plan. */
function planOf(name: string, runs: readonly number[], foreignRouterIds: number[] = [], status: NodePlanStatus = {}) {
  const instances = runs.map((virtualRouterId, slot) => {
    return { name: `web-${slot}`, pool: 'web', virtualRouterId, rank: 0, addresses: [`192.0.2.${100 + slot}`] };
  });
  const spec = { plan: 'p2', pools: [], instances };
  return { metadata: { name }, spec, status: { observedPlan: 'p2', foreignRouterIds, ...status } } satisfies NodePlan;
}

function found(plans: readonly NodePlan[], before: LoneReports = [], nowMs = 0) {
  const { believed, doubted, loneReports } = foreignRouters(plans, before, nowMs);
  return { believed: [...believed], doubted: [...doubted], loneReports };
}

describe('router ids of foreign routers', () => {
  it('are those that one of the nodes hears which run them: the others may look minutes later', () => {
    const seen = found([planOf('a', [21, 22]), planOf('b', [21, 22], [22])]);
    expect(seen).toMatchObject({ believed: [22], doubted: [] });
  });

  it('are believed however many they are when two nodes hear them', () => {
    const reported = [1, 2, 3, 4, 5, 6];
    expect(
      found([planOf('a', reported, reported), planOf('b', reported, reported), planOf('c', reported)]).believed,
    ).toEqual(reported);
  });

  it('are not believed of a node that does not run them', () => {
    const seen = found([planOf('a', [21], [21, 22, 51]), planOf('b', [22]), planOf('c', [22])]);
    expect(seen).toMatchObject({ believed: [21], doubted: [22, 51] });
  });

  it('are heard by instances that have no address yet as well, and are no more foreign than others before a plan is carried out', () => {
    const spare = { name: 'web-9', pool: 'web', virtualRouterId: 51, rank: 0, like: '192.0.2.1' };
    const withSpare = (plan: ReturnType<typeof planOf>) => ({ ...plan, spec: { ...plan.spec, spares: [spare] } });
    expect(found([withSpare(planOf('a', [], [51])), withSpare(planOf('b', [], [51]))])).toMatchObject({
      believed: [51],
    });
    const behind = withSpare(planOf('c', [], [], { observedPlan: 'p1' }));
    expect(found([behind, withSpare(planOf('a', [], [51]))])).toMatchObject({ believed: [], doubted: [51] });
  });

  it('are not believed of a node that runs them by unicast, where only peers are heard', () => {
    const plan = planOf('a', [21], [21]);
    const instances = plan.spec.instances.map((instance) => ({ ...instance, peers: ['192.0.2.12'] }));
    const seen = found([{ ...plan, spec: { ...plan.spec, instances } }]);
    expect(seen).toMatchObject({ believed: [], doubted: [21] });
  });

  it('are not believed while a node that is to use the id has not carried out its newest plan', () => {
    const behind = planOf('a', [22], [], { observedPlan: 'p1' });
    const seen = found([behind, planOf('b', [22, 51], [22, 51]), planOf('c', [22], [22])]);
    expect(seen).toMatchObject({ believed: [51], doubted: [22] });
  });

  it('are not believed while a node objects to an address of the instance because it is its own, under any id', () => {
    const objects = planOf('a', [21, 22], [], { addresses: ['192.0.2.11/24', '192.0.2.100/24'] });
    const seen = found([objects, planOf('b', [21, 22], [21, 22]), planOf('c', [21, 22], [21, 22])]);
    expect(seen).toMatchObject({ believed: [22], doubted: [21] });
  });

  it('are no more than two a day by the word of one node', () => {
    const runs = [1, 2, 3, 4];
    const first = found([planOf('a', runs, runs), planOf('b', runs)]);
    expect(first).toMatchObject({ believed: [1, 2], doubted: [3, 4] });
    // It says so of whatever it gets instead.
    const instead = [5, 6, 3, 4];
    const plans = [planOf('a', instead, [...runs, ...instead]), planOf('b', instead)];
    const second = found(plans, first.loneReports, DAY_MS - 1);
    expect(second).toMatchObject({ believed: [1, 2], doubted: [3, 4, 5, 6] });
    expect(found(plans, second.loneReports, DAY_MS).believed).toEqual([3, 4]);
  });

  it('are the word of each node for itself: that of one that says too much takes nothing from the others', () => {
    const runs = [1, 2, 3, 4];
    const seen = found([planOf('a', runs, [1, 2, 3, 4]), planOf('b', runs, [4]), planOf('c', runs)]);
    expect(seen).toMatchObject({ believed: [1, 2, 4], doubted: [3] });
  });

  it('stay so when the id was given up, for as long as who was believed remembers it', () => {
    const first = found([planOf('a', [21], [21]), planOf('b', [21])]);
    const givenUp = found([planOf('a', [22], [21]), planOf('b', [22])], first.loneReports, 1000);
    expect(givenUp).toMatchObject({ believed: [21], doubted: [] });
    expect(found([planOf('a', [22]), planOf('b', [22])], givenUp.loneReports, 2000).believed).toEqual([]);
    // After a change of controllers nothing is remembered here.
    expect(found([planOf('a', [22], [21]), planOf('b', [22])])).toMatchObject({ believed: [], doubted: [21] });
    expect(found([planOf('a', [22], [21]), planOf('b', [22], [21])])).toMatchObject({ believed: [21], doubted: [] });
  });
});
