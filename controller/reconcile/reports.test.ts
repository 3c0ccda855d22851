import { beforeEach, describe, expect, it } from 'vitest';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { virtualIpPoolStatusSchema } from '../../api/virtual-ip-pool.ts';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { held, poolOf } from '../testing/objects.ts';
import type { Reconciler } from './reconciler.ts';

/*
 * What one node can do to the others by what it reports. Its sidecar's token lets it write its own status, and nothing else.
 */

const ADDRESSES = ['192.0.2.101', '192.0.2.102', '192.0.2.103', '192.0.2.104', '192.0.2.105', '192.0.2.106'];
const MEGABYTE = 1024 * 1024;
const ALL_IDS = Array.from({ length: 255 }, (_, index) => index + 1);

let cluster: FakeCluster;
let reconciler: Reconciler;

/** Every sidecar carries out what it is told; the controller runs after each. */
async function settle(more: Readonly<Record<string, NodePlanStatus>> = {}, rounds = 3, roundMs = 2000): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    cluster.reportAll(more);
    cluster.time.stall(roundMs);
    await reconciler.run();
  }
}

function routerIds(pool = 'web'): number[] {
  return (cluster.pool(pool).status?.groups ?? []).map(({ virtualRouterId }) => virtualRouterId);
}

function condition(pool: string, type: string) {
  return cluster.pool(pool).status?.conditions?.find((known) => known.type === type);
}

beforeEach(async () => {
  cluster = new FakeCluster();
  cluster.addNodes('a', 'b', 'c', 'd');
  cluster.putPool(
    poolOf('web', ADDRESSES, { spec: { addresses: ADDRESSES, nodeSelector: { matchLabels: { on: 'abc' } } } }),
  );
  cluster.label({ on: 'abc' }, 'a', 'b', 'c');
  cluster.putPool(
    poolOf('other', ['192.0.2.111'], {
      spec: { addresses: ['192.0.2.111'], nodeSelector: { matchLabels: { on: 'd' } } },
    }),
  );
  cluster.label({ on: 'd' }, 'd');
  reconciler = cluster.reconciler();
  await reconciler.run();
  await settle();
});

describe('router ids that one node says are foreign', () => {
  it.each([
    ['those that its groups have now', () => routerIds()],
    ['all that there are', () => ALL_IDS],
  ])('make two groups change in a day, and no more, when it always names %s', async (_which, said) => {
    const before = routerIds();
    const [other] = routerIds('other');
    const seen = new Set(before);
    let changes = 0;
    for (let round = 0; round < 60; round += 1) {
      const last = routerIds();
      await settle({ a: { foreignRouterIds: said() } }, 1, 60_000);
      for (const id of routerIds()) seen.add(id);
      changes += routerIds().filter((id, slot) => id !== last[slot]).length;
    }
    expect(seen.size).toBe(before.length + 2);
    // Nor do they change back.
    expect(changes).toBe(2);
    expect(routerIds('other')).toEqual([other]);
  });

  it('change nothing for groups that it does not run', async () => {
    const before = routerIds();
    await settle({ d: { foreignRouterIds: before } });
    expect(routerIds()).toEqual(before);
  });

  it('leave ids for pools to come, though it says so of all', async () => {
    await settle({ d: { foreignRouterIds: ALL_IDS } });
    cluster.putPool(poolOf('late', ['192.0.2.121']));
    await settle({ d: { foreignRouterIds: ALL_IDS } });
    expect(routerIds('late')).toHaveLength(1);
  });

  it('change when two nodes say so, all of them at once, though a third says it of every other', async () => {
    const before = routerIds();
    await settle({
      a: { foreignRouterIds: before },
      b: { foreignRouterIds: before },
      c: { foreignRouterIds: ALL_IDS },
    });
    expect(routerIds().filter((id) => before.includes(id))).toEqual([]);
    expect(routerIds()).toHaveLength(before.length);
  });
});

describe('a text of a megabyte in one node’s report', () => {
  const long = '🚀'.repeat(MEGABYTE / 4);
  const status: NodePlanStatus = {
    agentVersion: long,
    observedPlan: long,
    problems: [long, ...Array.from({ length: 5000 }, (_, index) => `${index} ${long.slice(0, 2000)}`)],
    health: [{ pool: 'web', band: 0, reason: long }],
  };

  it('keeps no pool from being written, and is cut where it is told', async () => {
    await settle({ a: status });
    for (const pool of ['web', 'other']) {
      const written = cluster.pool(pool).status;
      expect(virtualIpPoolStatusSchema.safeParse(written).error).toBeUndefined();
      expect(JSON.stringify(written).length).toBeLessThan(32_768);
    }
    expect(condition('web', 'Configured')?.message).toMatch(
      /^1 of 3 nodes do not carry out the plan yet: a; a: 🚀+…$/u,
    );
    expect(condition('other', 'Ready')).toMatchObject({ status: 'True' });
    expect(JSON.stringify(cluster.view).length).toBeLessThan(131_072);
  });

  it('makes Events of its own only: those of others still come', async () => {
    for (let round = 0; round < 40; round += 1) {
      await settle({ a: { problems: [`problem ${round}`] } }, 1, 300);
    }
    const [moved] = cluster.plan('b').status?.held ?? [];
    if (moved === undefined) throw new Error('node b holds something');
    const [b, c] = [cluster.plan('b').status, cluster.plan('c').status];
    cluster.report('b', { ...b, held: [] });
    cluster.report('c', { ...c, held: [...(c?.held ?? []), held(moved.address, 5)] });
    await reconciler.run();
    expect(cluster.events.at(-1)).toMatchObject({ reason: 'AddressesMoved', regarding: { name: 'web' } });
  });

  it('cannot steer a terminal or begin a line', async () => {
    await settle({ a: { observedPlan: 'x', problems: ['red \u001b[31m\r\nReady  True\u2028x'] } });
    expect(condition('web', 'Configured')?.message).toContain('a: red [31m Ready True x');
  });
});

describe('what one node says that it holds', () => {
  const everything = [...ADDRESSES, '192.0.2.111'].map((address) => held(address, 30));

  it('counts for what it is told to run: of the pools of others nothing changes', async () => {
    await settle({ d: { held: everything } }, 3, 120_000);
    expect(condition('web', 'Ready')).toMatchObject({ status: 'True', reason: 'AllWell' });
    const holders = cluster.pool('web').status?.addresses?.flatMap((address) => address.holders);
    expect(holders).not.toContain('d');
    expect(cluster.events.map(({ reason }) => reason)).not.toContain('SeveralHolders');
  });

  it('names a node once, and no time that is yet to come', async () => {
    const [mine] = cluster.plan('a').spec.instances.filter(({ rank }) => rank === 0);
    const address = mine?.addresses[0] ?? '';
    const future = { address, since: '2999-01-01T00:00:00Z' };
    await settle({ a: { held: [future, held(address), { address: 'x', since: 'y' }] } });
    const status = cluster.pool('web').status?.addresses?.find((known) => known.address === address);
    expect(status?.holders).toEqual(['a']);
    expect(Date.parse(status?.since ?? '')).toBeLessThanOrEqual(cluster.time.wallMs());
  });
});

describe('how fit one node says that it is', () => {
  it('is shown for its own pools, and in bands that there are', async () => {
    const said = [
      { pool: 'web', band: 5, reason: 'service check failed' },
      { pool: 'web', band: 0, reason: 'healthy' },
      { pool: 'other', band: 0, reason: 'not mine' },
      { pool: 'none', band: 0, reason: 'nobody’s' },
    ];
    await settle({ a: { health: [{ pool: 'web', band: 77, reason: '' }, ...said] } });
    const shown = cluster.view.nodes.find(({ name }) => name === 'a');
    expect(shown?.health).toEqual([{ pool: 'web', band: 5, reason: 'service check failed' }]);
  });
});
