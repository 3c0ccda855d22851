import { beforeEach, describe, expect, it } from 'vitest';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { FakeCluster } from '../testing/fake-cluster.ts';
import { held, poolOf } from '../testing/objects.ts';
import type { Reconciler } from './reconciler.ts';

const RIGHT = ['192.0.2.101', '192.0.2.102'];
/** A node's, by a typing error. */
const WRONG = '192.0.2.77';

let cluster: FakeCluster;
let reconciler: Reconciler;

/** Every sidecar carries out what it is told; the controller runs after each. */
async function settle(more: Readonly<Record<string, NodePlanStatus>> = {}, rounds = 3): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await reconciler.run();
    cluster.reportAll(more);
    cluster.time.stall(2000);
    await reconciler.run();
  }
}

function planned(): string[] {
  const addresses = cluster.caches.plans
    .list()
    .flatMap(({ spec }) => spec.instances.flatMap(({ addresses }) => addresses));
  return [...new Set(addresses)].sort();
}

function ready(pool = 'web') {
  const found = cluster.pool(pool).status?.conditions?.find(({ type }) => type === 'Ready');
  return { status: found?.status, reason: found?.reason, message: found?.message };
}

const refusedFor = (address: string, node: string) => ({
  status: 'False',
  reason: 'AddressesRefused',
  message: `${address} is an address of node ${node} itself; give the pool one that no machine has, or take it off that node`,
});

beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addNodes('a', 'b', 'c');
  reconciler = cluster.reconciler();
});

describe('an address that the API says is a node’s', () => {
  it.each(['internal', 'external'] as const)('is never planned when it is an %s one; the others are', async (kind) => {
    cluster.address('c', { [kind]: ['2001:db8::77', WRONG] });
    cluster.putPool(poolOf('web', [...RIGHT, `${WRONG}/24`, '2001:DB8:0::77']));
    await settle();
    expect(planned()).toEqual(RIGHT);
    expect(ready().message).toContain(refusedFor(WRONG, 'c').message);
    expect(ready().message).toContain(refusedFor('2001:db8::77', 'c').message);
    expect(cluster.events.filter(({ reason }) => reason === 'AddressRefused')).toHaveLength(2);
    cluster.putPool({ ...cluster.pool('web'), spec: { addresses: [...RIGHT, '192.0.2.78'] } });
    await settle();
    expect(planned()).toEqual([...RIGHT, '192.0.2.78']);
    expect(ready()).toMatchObject({ status: 'True', reason: 'AllWell' });
  });
});

describe('an address that a node lists as its own', () => {
  const lists = { b: { addresses: ['192.0.2.12/24', `${WRONG}/24`] } };

  it('is never planned where the node has said so before; the others are, and it comes when it is corrected there', async () => {
    cluster.putPool(poolOf('web', RIGHT));
    await settle(lists);
    cluster.putPool({ ...cluster.pool('web'), spec: { addresses: [...RIGHT, WRONG] } });
    await settle(lists);
    expect(planned()).toEqual(RIGHT);
    expect(ready()).toEqual(refusedFor(WRONG, 'b'));
    // A sidecar that restarts may say nothing for a moment.
    await settle({ b: {} }, 1);
    await settle(lists, 1);
    expect(planned()).toEqual(RIGHT);
    await settle({ b: { addresses: ['192.0.2.12/24'] } }, 1);
    const waitMs = (await reconciler.run()) ?? 0;
    expect(planned()).toEqual(RIGHT);
    cluster.time.stall(waitMs);
    await settle({ b: { addresses: ['192.0.2.12/24'] } });
    expect(planned()).toEqual([...RIGHT, WRONG].sort());
    expect(ready()).toMatchObject({ status: 'True', reason: 'AllWell' });
  });

  it('is taken out of a first plan when the node says so before anybody else holds it, and stays out', async () => {
    cluster.putPool(poolOf('web', [...RIGHT, WRONG]));
    await reconciler.run();
    expect(planned()).toContain(WRONG);
    for (const node of ['a', 'b', 'c']) cluster.report(node, { addresses: node === 'b' ? lists.b.addresses : [] });
    await reconciler.run();
    expect(planned()).toEqual(RIGHT);
    expect(ready()).toEqual(refusedFor(WRONG, 'b'));
    // A neighbour had put it on in that moment.
    cluster.report('a', { observedPlan: 'old', held: [held(WRONG)] });
    await settle(lists);
    expect(planned()).toEqual(RIGHT);
  });

  it('is refused by the word of a node that takes no part in the pool', async () => {
    cluster.label({ on: 'ac' }, 'a', 'c');
    cluster.putPool(poolOf('all', ['192.0.2.111']));
    await settle(lists);
    cluster.putPool(
      poolOf('web', [], { spec: { addresses: [...RIGHT, WRONG], nodeSelector: { matchLabels: { on: 'ac' } } } }),
    );
    await settle(lists);
    expect(ready()).toEqual(refusedFor(WRONG, 'b'));
  });
});

describe('a node that lists what others hold', () => {
  const all = [...RIGHT, '192.0.2.103'];
  const lies = { c: { addresses: all.map((address) => `${address}/24`) } };

  beforeEach(async () => {
    cluster.putPool(poolOf('web', all));
    await settle();
  });

  it('takes nothing away, also not what it holds itself, and is told', async () => {
    const before = cluster.pool('web').status?.groups;
    await settle(lies);
    expect(planned()).toEqual(all);
    expect(cluster.pool('web').status?.groups).toEqual(before);
    expect(ready()).toMatchObject({ status: 'True', reason: 'NodeAddress' });
    const warning = cluster.events.find(({ reason }) => reason === 'NodeAddress');
    expect(warning).toMatchObject({ regarding: { name: 'web' }, type: 'Warning' });
    expect(warning?.note).toContain('192.0.2.101 (c), 192.0.2.102 (c), 192.0.2.103 (c); take them off those nodes');
  });

  it('cannot wait for the moment in which nobody holds them', async () => {
    await settle(lies);
    await settle({ a: { held: [] }, b: { held: [] }, c: { ...lies.c, held: [] } });
    expect(planned()).toEqual(all);
    // Nor for another controller, which knows nothing of what was before.
    await settle(lies);
    reconciler = cluster.reconciler();
    await settle(lies);
    expect(planned()).toEqual(all);
  });

  it('cannot choose that moment to say so for the first time', async () => {
    await settle({ a: { held: [] }, b: { held: [] }, c: { ...lies.c, held: [] } });
    expect(planned()).toEqual(all);
  });

  it('cannot take its word back, and give it again in that moment', async () => {
    await settle(lies);
    await settle({ c: { addresses: [] } }, 10);
    await settle({ a: { held: [] }, b: { held: [] }, c: { addresses: [], held: [] } });
    await settle({ a: { held: [] }, b: { held: [] }, c: { ...lies.c, held: [] } });
    expect(planned()).toEqual(all);
  });

  it('is forgotten when it lists them no more', async () => {
    await settle(lies);
    await settle({ c: { addresses: [] } }, 10);
    expect(planned()).toEqual(all);
    expect(ready()).toMatchObject({ status: 'True', reason: 'AllWell' });
  });
});

describe('a node that lists what pools will ask for', () => {
  it('keeps eight addresses from them, and no more', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `192.0.2.${150 + index}`);
    cluster.putPool(poolOf('web', RIGHT));
    const lies = { c: { addresses: many.map((address) => `${address}/24`) } };
    await settle(lies);
    cluster.putPool(poolOf('late', many));
    await settle(lies);
    expect(planned()).toHaveLength(RIGHT.length + many.length - 8);
    expect(ready('late')).toMatchObject({ status: 'False', reason: 'AddressesRefused' });
    expect(ready('late').message).toContain('node c itself');
    expect(ready('web')).toMatchObject({ status: 'True' });
  });

  it('has the plan change with its word once, however fast it takes that back and says it again', async () => {
    cluster.putPool(poolOf('web', [...RIGHT, WRONG]));
    const changes: boolean[] = [];
    // So fast that nobody ever gets as far as holding it.
    const say = async (addresses: string[]): Promise<void> => {
      await reconciler.run();
      for (const node of ['a', 'b', 'c']) cluster.report(node, { addresses: node === 'c' ? addresses : [] });
      await reconciler.run();
      cluster.time.stall(300);
      const now = planned().includes(WRONG);
      if (changes.at(-1) !== now) changes.push(now);
    };
    for (let round = 0; round < 10; round += 1) {
      await say([`${WRONG}/24`]);
      await say([]);
    }
    expect(changes).toEqual([false]);
  });
});
