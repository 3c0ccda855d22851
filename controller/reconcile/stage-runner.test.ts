import { describe, expect, it } from 'vitest';
import { EventRecorder } from '../events/recorder.ts';
import { makePlan } from '../plan/planner.ts';
import { FakeCluster, FakeTerm } from '../testing/fake-cluster.ts';
import { nodePlanOf, poolOf } from '../testing/objects.ts';
import { nodePlanSpec } from './node-plan-spec.ts';
import { poolDemands } from './pool-demands.ts';
import { Backlog } from './services/backlog.ts';
import { NOTHING_CLAIMED } from './services/claimed-addresses.ts';
import { NOTHING_LOCAL } from './services/local-addresses.ts';
import type { PlannedCluster } from './stage.ts';
import { StageRunner, WriteError } from './stage-runner.ts';
import { writeStages } from './stages.ts';
import { YoungerFields } from './younger-fields.ts';

const SETTINGS = {
  virtualRouterIds: { first: 1, last: 255 },
  reserved: { addresses: [], virtualRouterIds: [] },
  maxGroupsPerPool: 60,
  maxCandidates: 8,
};

function runnerOf(fake: FakeCluster): StageRunner {
  const recorder = new EventRecorder({ writer: fake, clock: fake.time, onOutcome: () => undefined });
  const { reserved } = SETTINGS;
  const [clock, backlog] = [fake.time, new Backlog(fake.time)];
  const fields = new YoungerFields({ clock, reports: fake.reports });
  return new StageRunner(
    writeStages({ caches: fake.caches, writer: fake, clock, recorder, reserved, backlog, fields }),
    fake,
  );
}

/** A cluster of three nodes with two pools, and a node with a plan that is left over. */
function cluster() {
  const fake = new FakeCluster();
  fake.addNodes('a', 'b', 'c');
  fake.putPool(poolOf('web', ['192.0.2.101', '192.0.2.102', '192.0.2.103']));
  fake.putPool(poolOf('mail', ['192.0.2.111']));
  fake.caches.plans.put(nodePlanOf('gone'));
  return { fake, runner: runnerOf(fake) };
}

/** Names of the objects that {@link cluster} needs written, in order. */
const EVERYTHING = [
  'pool_status mail',
  'pool_status web',
  'node_plan a',
  'node_plan b',
  'node_plan c',
  'node_plan_removal gone',
];

function planned({ caches }: FakeCluster): PlannedCluster {
  const [pools, plans, nodes] = [caches.pools.list(), caches.plans.list(), caches.nodes.list()];
  const sidecars = new Set(nodes.map(({ metadata }) => metadata.name));
  const planning = nodes.map(({ metadata, labels, taints, unschedulable, internalAddresses }) => {
    return { name: metadata.name, labels, taints, unschedulable, addresses: internalAddresses, hasSidecar: true };
  });
  const input = {
    demands: poolDemands(pools),
    nodes: planning,
    settings: SETTINGS,
    assignments: new Map(),
    foreignRouterIds: new Set<number>(),
  };
  const plan = makePlan(input);
  const specs = new Map([...plan.nodes].map(([name, content]) => [name, nodePlanSpec(content)]));
  return {
    plan,
    specs,
    state: {
      pools,
      plans,
      nodes,
      sidecars,
      serving: 'off',
      claims: [],
      claimed: NOTHING_CLAIMED,
      local: NOTHING_LOCAL,
    },
    holders: new Map(),
  };
}

describe('the stages of writing', () => {
  it('writes the plan’s memory first, then what nodes are to do, then removes; and nothing of it again', async () => {
    const { fake, runner } = cluster();
    await runner.run(planned(fake), new FakeTerm());
    expect(fake.written).toEqual(EVERYTHING);
    expect(fake.caches.plans.get('gone')).toBeUndefined();
    await runner.run(planned(fake), new FakeTerm());
    expect(fake.written).toEqual(EVERYTHING);
  });

  it('writes nothing in a term that has ended', async () => {
    const { fake, runner } = cluster();
    const term = new FakeTerm();
    term.end();
    await runner.run(planned(fake), term);
    expect(fake.written).toEqual([]);
  });

  it.each(EVERYTHING.slice(0, -1).map((last, index) => [last, EVERYTHING.slice(index + 1)] as const))(
    'begins no other write when its term ends with that of %s',
    async (last, later) => {
      const { fake, runner } = cluster();
      const term = new FakeTerm();
      const begun: string[] = [];
      fake.onWrite = async (what) => {
        begun.push(what);
        // Those of one kind begin together; here each lets the one before it come to its end.
        if (what === last) term.end();
      };
      await runner.run(planned(fake), term);
      const kind = (what: string) => what.split(' ')[0];
      expect(begun).toContain(last);
      expect(begun.filter((what) => later.includes(what) && kind(what) !== kind(last))).toEqual([]);
    },
  );

  it('leaves undone what waited for its turn when the term ended, and calls that no error', async () => {
    const fake = new FakeCluster();
    fake.addNodes(...Array.from({ length: 30 }, (_, index) => `node${index}`));
    fake.putPool(poolOf('web', ['192.0.2.101']));
    for (const { metadata } of fake.caches.nodes.list()) fake.caches.plans.put(nodePlanOf(`of-${metadata.name}`));
    const runner = runnerOf(fake);
    const term = new FakeTerm();
    fake.onWrite = (what) => {
      if (what.startsWith('node_plan_removal')) term.end();
    };
    await expect(runner.run(planned(fake), term)).resolves.toBeUndefined();
    // The first of thirty ended it, so that none of the others was begun.
    expect(fake.written.filter((what) => what.startsWith('node_plan_removal'))).toHaveLength(1);
    expect(fake.failed).toEqual([]);
  });

  it('goes on with others of a kind when one fails, but not to the next kind', async () => {
    const { fake, runner } = cluster();
    fake.onWrite = (what) => {
      if (what === 'pool_status mail') throw new Error('422');
    };
    await expect(runner.run(planned(fake), new FakeTerm())).rejects.toThrow(WriteError);
    expect(fake.written).toEqual(['pool_status web']);
    expect(fake.failed).toEqual(['pool_status mail']);
  });

  it('writes nothing again of which the API server stores something else than it was given', async () => {
    const { fake, runner } = cluster();
    const [applyNodePlan, applyPoolStatus] = [fake.applyNodePlan.bind(fake), fake.applyPoolStatus.bind(fake)];
    fake.applyNodePlan = async (name, spec, owners) => {
      const stored = await applyNodePlan(name, spec, owners);
      return { ...stored, spec: { ...stored.spec, plan: 'cut' } };
    };
    fake.applyPoolStatus = async (pool, status) => {
      const stored = await applyPoolStatus(pool, status);
      return stored === undefined ? undefined : { ...stored, status: { ...stored.status, eligibleNodes: 99 } };
    };
    await runner.run(planned(fake), new FakeTerm());
    fake.time.stall(1000);
    await runner.run(planned(fake), new FakeTerm());
    expect(fake.written).toEqual(EVERYTHING);
    // What somebody else made of it since is put right.
    const plan = fake.plan('a');
    fake.caches.plans.put({ ...plan, metadata: { ...plan.metadata, resourceVersion: '1000' } });
    await runner.run(planned(fake), new FakeTerm());
    expect(fake.written.slice(EVERYTHING.length)).toEqual(['node_plan a']);
  });
});
