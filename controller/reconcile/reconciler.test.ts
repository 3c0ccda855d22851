import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, FakeTerm } from '../testing/fake-cluster.ts';
import { held, poolOf } from '../testing/objects.ts';
import { SIDECAR_GRACE_MS } from './presence.ts';
import type { Reconciler } from './reconciler.ts';

const ADDRESSES = ['192.0.2.101', '192.0.2.102', '192.0.2.103'];

let cluster: FakeCluster;
let reconciler: Reconciler;

function conditions(pool = 'web'): Record<string, string> {
  const found = cluster.pool(pool).status?.conditions ?? [];
  return Object.fromEntries(found.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

function reasons(): string[] {
  return cluster.events.map(({ reason }) => reason);
}

/** Looks again a good while later, when what was held back is due. */
async function later(): Promise<void> {
  cluster.time.stall(2000);
  await reconciler.run();
}

beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addNodes('a', 'b', 'c');
  cluster.putPool(poolOf('web', ADDRESSES));
  reconciler = cluster.reconciler();
});

describe('the reconciler', () => {
  it('plans, takes the nodes’ reports, and has nothing to write when all is well', async () => {
    await reconciler.run();
    expect(cluster.written).toEqual(['pool_status web', 'node_plan a', 'node_plan b', 'node_plan c']);
    cluster.reportAll();
    await later();
    expect(conditions()).toMatchObject({ Configured: 'True PlanCarriedOut', Ready: 'True AllWell' });
    cluster.written.length = 0;
    expect(await reconciler.run()).toBeUndefined();
    expect(cluster.written).toEqual([]);
    expect(cluster.view.pools[0]).toMatchObject({ name: 'web', heldCount: 3 });
  });

  it('plans and writes nothing while another replica leads, but knows what is', async () => {
    await reconciler.run();
    cluster.reportAll();
    await later();
    cluster.written.length = 0;
    cluster.term = undefined;
    const standby = cluster.reconciler();
    cluster.putPool(poolOf('late', ['192.0.2.111']));
    await standby.run();
    expect(cluster.written).toEqual([]);
    expect(cluster.view.addresses.filter(({ holders }) => holders.length === 1)).toHaveLength(3);
  });

  it('writes nothing any more when its term ends in the middle of a run', async () => {
    const { term } = cluster;
    cluster.onWrite = () => term?.end();
    await expect(reconciler.run()).resolves.toBeUndefined();
    expect(cluster.written).toEqual(['pool_status web']);
    cluster.onWrite = () => undefined;
    await later();
    expect(cluster.written).toEqual(['pool_status web']);
    // The next term goes on where this one ended.
    cluster.term = new FakeTerm();
    await later();
    expect(cluster.written.slice(1)).toEqual(['node_plan a', 'node_plan b', 'node_plan c']);
  });

  it('tells Events only while it leads, and what it saw before as no news', async () => {
    await reconciler.run();
    cluster.reportAll();
    cluster.term = undefined;
    await later();
    const address = cluster.plan('a').status?.held?.[0]?.address ?? '';
    const move = (from: string, to: string, minute: number) => {
      const without = (cluster.plan(from).status?.held ?? []).filter((each) => each.address !== address);
      cluster.report(from, { ...cluster.plan(from).status, held: without });
      const more = [...(cluster.plan(to).status?.held ?? []), held(address, minute)];
      cluster.report(to, { ...cluster.plan(to).status, held: more });
    };
    move('a', 'b', 1);
    await later();
    expect(cluster.view.moves).toMatchObject([{ from: 'a', to: 'b', addresses: [address] }]);
    cluster.term = new FakeTerm();
    await later();
    expect(reasons()).toEqual([]);
    move('b', 'a', 2);
    await later();
    expect(reasons()).toEqual(['AddressesMoved']);
  });

  it('gives sidecars the whole grace after it began: it cannot know how long they were away', async () => {
    await reconciler.run();
    cluster.reportAll();
    await later();
    const fresh = cluster.reconciler();
    cluster.caches.pods.remove({ metadata: { name: 'sidecar-c' } });
    const waitMs = (await fresh.run()) ?? 0;
    expect(cluster.pool('web').status?.eligibleNodes).toBe(3);
    expect(waitMs).toBeGreaterThan(SIDECAR_GRACE_MS - 5000);
    cluster.time.stall(waitMs);
    await fresh.run();
    expect(cluster.pool('web').status?.eligibleNodes).toBe(2);
  });

  it('gives a sidecar the whole grace from when it went, however long the controller runs', async () => {
    await reconciler.run();
    cluster.reportAll();
    cluster.time.stall(3 * SIDECAR_GRACE_MS);
    await reconciler.run();
    cluster.caches.pods.remove({ metadata: { name: 'sidecar-c' } });
    await reconciler.run();
    cluster.time.stall(SIDECAR_GRACE_MS - 1);
    await reconciler.run();
    expect(cluster.pool('web').status?.eligibleNodes).toBe(3);
    cluster.time.stall(1);
    await reconciler.run();
    expect(cluster.pool('web').status?.eligibleNodes).toBe(2);
  });

  it('looks again by itself when two holders have been so for too long', async () => {
    await reconciler.run();
    cluster.reportAll();
    await later();
    const [claim] = cluster.plan('a').status?.held ?? [];
    if (claim === undefined) throw new Error('node a holds something');
    cluster.report('b', { ...cluster.plan('b').status, held: [...(cluster.plan('b').status?.held ?? []), claim] });
    await later();
    // A sign of life after the newer claim: both are believed.
    cluster.report('a', { ...cluster.plan('a').status, agentVersion: '2' });
    cluster.time.stall(1000);
    const waitMs = await reconciler.run();
    expect(reasons()).toEqual(['AddressesMoved']);
    expect(waitMs).toBe(1001);
    cluster.time.stall(waitMs ?? 0);
    await reconciler.run();
    expect(reasons()).toEqual(['AddressesMoved', 'SeveralHolders']);
  });

  it('shows what there is also when it cannot be written, and says when to look again', async () => {
    cluster.onWrite = (what) => {
      if (what === 'node_plan b') throw new Error('500');
    };
    await expect(reconciler.run()).rejects.toThrow('not written: node_plan b');
    expect(cluster.view.pools).toMatchObject([{ name: 'web' }]);
    cluster.onWrite = () => undefined;
    await later();
    expect(cluster.written.at(-1)).toBe('node_plan b');
    // A status that changed a moment after it was written waits for a quarter of a second.
    cluster.reportAll();
    const written = cluster.written.length;
    cluster.time.stall(2000);
    await reconciler.run();
    cluster.report('a', { ...cluster.plan('a').status, held: [] });
    expect(await reconciler.run()).toBeLessThanOrEqual(250);
    expect(cluster.written.slice(written)).toEqual(['pool_status web']);
  });
});
