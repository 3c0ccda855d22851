import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import type { FakeServices } from '../../testing/fake-services.ts';
import { poolOf } from '../../testing/objects.ts';
import { settle as settleAll } from '../../testing/settle.ts';
import type { Reconciler } from '../reconciler.ts';

const HELD = 'keepalived-ingress-vip.io/Held';
const RANGE = '192.0.2.128/28';
const EMPTY = { spec: { ranges: [{ cidr: '198.51.100.0/28' }], services: {} } };

let fake: FakeCluster;
let services: FakeServices;
let reconciler: Reconciler;

/** Runs once, with what the watches brought meanwhile. */
async function run(): Promise<number | undefined> {
  services.deliver();
  return reconciler.run();
}

/** Runs until nothing is written any more. */
function settle(report?: () => void): Promise<void> {
  return settleAll({ fake, services, reconciler }, { withinMs: 3000, ...(report === undefined ? {} : { report }) });
}

/** A user changes a pool. */
function changePool(spec: Parameters<typeof poolOf>[2]): void {
  const { status } = fake.pool('web');
  fake.putPool({ ...poolOf('web', [], spec), ...(status === undefined ? {} : { status }) });
}

function said(name: string) {
  return services.service(name).conditions.find(({ type }) => type === HELD);
}

function addressOf(name: string): string {
  return services.addresses(name)[0] ?? '';
}

function holderOf(address: string): string {
  const plan = fake.caches.plans
    .list()
    .find(({ status }) => (status?.held ?? []).some((each) => each.address === address));
  return plan?.metadata.name ?? '';
}

/** From now on a node reports that it has no address; others what they have. */
function lose(address: string): void {
  const node = holderOf(address);
  const { status } = fake.plan(node);
  if (status === undefined) throw new Error('it reports nothing');
  fake.report(node, { ...status, held: (status.held ?? []).filter((each) => each.address !== address) });
}

/** From now on a node reports that it has an address. */
function gain(node: string, address: string): void {
  const { status } = fake.plan(node);
  if (status === undefined) throw new Error('it reports nothing');
  fake.report(node, { ...status, held: [...(status.held ?? []), { address, since: '2026-01-01T00:00:09Z' }] });
}

function heldWrites(since: number): number {
  return fake.written.slice(since).filter((what) => what === 'service_status ui').length;
}

beforeEach(async () => {
  fake = new FakeCluster();
  services = fake.serve();
  fake.addNodes('a', 'b', 'c');
  fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: RANGE }], services: {} } }));
  reconciler = fake.reconciler();
});

describe('the condition Held of a Service', () => {
  it('says which node has its address, as nodes report, and goes with the last one', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    expect(said('ui')).toMatchObject({
      ...{ status: 'True', reason: 'OneHolder', message: `${address} is held by ${holderOf(address)}` },
    });
    services.change('ui', { type: 'ClusterIP', loadBalancerClass: undefined });
    await settle();
    expect(services.service('ui').conditions).toEqual([]);
  });

  it('tells nothing of a move: only the new holder, once', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    const [from, since] = [holderOf(address), fake.written.length];
    await fake.time.advance(5000);
    lose(address);
    await run();
    await fake.time.advance(1900);
    await run();
    expect([said('ui')?.status, heldWrites(since)]).toEqual(['True', 0]);
    const to = from === 'a' ? 'b' : 'a';
    gain(to, address);
    await run();
    expect(said('ui')).toMatchObject({ status: 'True', message: `${address} is held by ${to}` });
    expect(heldWrites(since)).toBe(1);
  });

  it('tells after two seconds that no node has it, and is due by itself then', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    await fake.time.advance(5000);
    lose(address);
    const againMs = await run();
    expect(againMs).toBeLessThanOrEqual(2000);
    await fake.time.advance(2000);
    await run();
    expect(said('ui')).toMatchObject({ status: 'False', reason: 'NotHeld', message: `${address} is held by no node` });
  });

  it('is written every two seconds at most, however often the address moves', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    await fake.time.advance(5000);
    const since = fake.written.length;
    for (let moves = 0; moves < 40; moves += 1) {
      const from = holderOf(address);
      lose(address);
      gain(from === 'a' ? 'b' : 'a', address);
      await run();
      await fake.time.advance(250);
    }
    expect(heldWrites(since)).toBeGreaterThan(2);
    expect(heldWrites(since)).toBeLessThanOrEqual(6);
  });

  it('is written of many Services a few at a time, so that none waits for its address', async () => {
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: '198.18.0.0/23' }], services: {} } }));
    for (let number = 0; number < 240; number += 1) services.create(`ui-${number}`);
    let most = 0;
    for (let runs = 0; runs < 16; runs += 1) {
      fake.reportAll();
      const before = [...services.services.values()].filter(({ metadata }) => said(metadata.name) !== undefined).length;
      await run();
      const after = [...services.services.values()].filter(({ metadata }) => said(metadata.name) !== undefined).length;
      most = Math.max(most, after - before);
      await fake.time.advance(250);
    }
    expect([most, said('ui-239')?.status]).toEqual([200, 'True']);
  });

  it('is not there for a Service that has addresses by spec.externalIPs alone', async () => {
    services.create('ui', { type: 'ClusterIP', loadBalancerClass: undefined, externalIPs: ['192.0.2.130'] });
    await settle();
    expect(holderOf('192.0.2.130')).not.toBe('');
    expect(services.service('ui').conditions).toEqual([]);
  });
});

describe('the condition OutsidePool', () => {
  function outside(
    of: { readonly status?: { readonly conditions?: readonly { type: string }[] | undefined } } | undefined,
  ) {
    return of?.status?.conditions?.find(({ type }) => type === 'OutsidePool');
  }

  it('is on claim and pool when the ranges do not have an address any more, and goes with the reason for it', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    expect(outside(services.claims.get(address))).toBeUndefined();
    expect(outside(fake.caches.pools.get('web'))).toBeUndefined();
    changePool(EMPTY);
    await settle();
    expect([addressOf('ui'), holderOf(address)]).toEqual([address, expect.stringMatching(/^[abc]$/)]);
    expect(outside(services.claims.get(address))).toMatchObject({
      status: 'True',
      reason: 'NotInRanges',
      message:
        'spec.ranges of pool web do not have it any more; the Service keeps it until it goes or asks for another',
    });
    expect(outside(fake.pool('web'))).toMatchObject({
      status: 'True',
      message: `Services keep ${address}, which the pool does not give any more: spec.ranges of pool web do not have it any more`,
    });
    services.delete('ui');
    await settle();
    expect(outside(fake.pool('web'))).toBeUndefined();
  });

  it('is on the claim when the pool serves nobody any more; nodes hold the address as before', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    const before = holderOf(address);
    changePool({ spec: { ranges: [{ cidr: RANGE }] } });
    await settle();
    expect(outside(services.claims.get(address))).toMatchObject({ reason: 'PoolServesNobody' });
    expect(holderOf(address)).toBe(before);
  });

  it('stays said while claims are not known', async () => {
    services.create('ui');
    await settle();
    changePool(EMPTY);
    await settle();
    services.complete = false;
    reconciler = fake.reconciler();
    await settle();
    expect(outside(fake.pool('web'))).toMatchObject({ status: 'True' });
  });
});

describe('a pool whose ranges an older one has, too', () => {
  it('says so, and does not count as free what it does not give', async () => {
    const spec = { ranges: [{ first: '192.0.2.140', last: '192.0.2.149' }], services: {} };
    const younger = poolOf('young', [], { spec });
    fake.putPool({ ...younger, metadata: { ...younger.metadata, creationTimestamp: '2031-01-01T00:00:00Z' } });
    await settle();
    const { conditions = [], services: figures } = fake.pool('young').status ?? {};
    expect(conditions.find(({ type }) => type === 'RangesOverlap')).toMatchObject({
      status: 'True',
      reason: 'OlderPoolGives',
      message:
        'older pools give addresses of spec.ranges, which this one does not give: "web" (192.0.2.140); take them out of one of the two',
    });
    // .140 to .142 are the older one's.
    expect(figures).toEqual({ capacity: 10, allocated: 0, retained: 0, free: 7 });
    expect(fake.pool('web').status?.conditions?.map(({ type }) => type)).not.toContain('RangesOverlap');
  });
});

describe('a Service that another load balancer served', () => {
  const FOREIGN = '192.0.2.130';

  /** A node says that it has the address itself, as one of a load balancer that puts it on an interface. */
  function reportAll(): void {
    fake.reportAll({ a: { addresses: [`${FOREIGN}/32`] } });
  }

  it.each([
    ['says nothing', {}],
    ['names it by kube-vip’s annotation', { 'kube-vip.io/loadbalancerIPs': FOREIGN }],
  ])('keeps its address while that one is still there, and after it has gone; it %s', async (_what, annotations) => {
    // Nodes have plans before.
    services.create('before');
    await settle();
    reportAll();
    services.create('ui', { ingress: [{ ip: FOREIGN }], annotations });
    await settle(reportAll);
    expect(services.addresses('ui')).toEqual([FOREIGN]);
    expect(services.service('ui').conditions).toMatchObject([{ status: 'False', reason: 'AddressTaken' }]);
    await settle();
    expect([services.addresses('ui'), holderOf(FOREIGN)]).toEqual([[FOREIGN], expect.stringMatching(/^[abc]$/)]);
  });
});
