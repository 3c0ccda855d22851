import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import type { FakeServices } from '../../testing/fake-services.ts';
import { poolOf } from '../../testing/objects.ts';
import { settle as settleAll } from '../../testing/settle.ts';
import type { Reconciler } from '../reconciler.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const RANGE = '192.0.2.128/28';
const ALLOCATED = 'keepalived-ingress-vip.io/Allocated';
const HELD = 'keepalived-ingress-vip.io/Held';

let fake: FakeCluster;
let services: FakeServices;
let reconciler: Reconciler;

/** Runs until nothing is written any more, by what is due within a second as well. */
function settle(report?: () => void): Promise<void> {
  return settleAll({ fake, services, reconciler }, report === undefined ? {} : { report });
}

function heldBy(address: string): string[] {
  return fake.caches.plans
    .list()
    .filter(({ status }) => (status?.held ?? []).some((each) => each.address === address))
    .map(({ metadata }) => metadata.name);
}

function plannedFor(address: string): string[] {
  return fake.caches.plans
    .list()
    .filter(({ spec }) => spec.instances.some(({ addresses }) => addresses.includes(address)))
    .map(({ metadata }) => metadata.name);
}

/** Reasons of Events on Services. */
function reasons(): string[] {
  return fake.events.filter(({ regarding }) => regarding.kind === 'Service').map(({ reason }) => reason);
}

function addressOf(name: string): string {
  const [address, ...more] = services.addresses(name);
  expect(more).toEqual([]);
  if (address === undefined) throw new Error(`${name} has no address`);
  return address;
}

beforeEach(() => {
  fake = new FakeCluster();
  services = fake.serve();
  fake.addNodes('a', 'b', 'c');
  fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: RANGE }], services: {} } }));
  reconciler = fake.reconciler();
});

describe('a Service of type LoadBalancer', () => {
  it('gets an address: finalizer, claim, status, in this order, and a node holds it', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    expect(fake.written.slice(0, 4)).toEqual([
      'finalizer ui',
      'pool_finalizers web 1',
      `claim ${address}`,
      'service_status ui',
    ]);
    expect(services.service('ui')).toMatchObject({
      metadata: { finalizers: [FINALIZER] },
      ingress: [{ ip: address, ipMode: 'VIP' }],
      conditions: [
        { type: ALLOCATED, status: 'True', reason: 'Allocated' },
        { type: HELD, status: 'True', reason: 'OneHolder' },
      ],
    });
    expect(heldBy(address)).toHaveLength(1);
    expect(services.claims.get(address)).toMatchObject({
      spec: { pool: 'web', owners: [{ namespace: 'shop', name: 'ui' }] },
      status: { holders: heldBy(address), plannedNode: heldBy(address)[0], conditions: [{ status: 'True' }] },
    });
    expect(reasons()).toEqual(['AddressAllocated']);
  });

  it('has its address in the plan of the run that gave it: nodes need not wait for another', async () => {
    services.create('ui');
    services.deliver();
    await reconciler.run();
    expect(plannedFor(addressOf('ui'))).toEqual(['a', 'b', 'c']);
  });

  it('is written to no more when all is well', async () => {
    services.create('ui');
    await settle();
    const before = fake.written.length;
    await settle();
    expect(fake.written.slice(before)).toEqual([]);
  });

  it('asks kube-proxy on each node whether it takes connections, unless the pool says what is to be asked', async () => {
    services.create('ui');
    await settle();
    expect(fake.plan('a').spec.pools).toMatchObject([{ healthCheck: { httpGet: { port: 10_256, path: '/healthz' } } }]);
    const healthCheck = { tcpSocket: { port: 8080 } };
    fake.putPool({ ...fake.pool('web'), spec: { ...fake.pool('web').spec, healthCheck } });
    await settle();
    expect(fake.plan('a').spec.pools).toMatchObject([{ healthCheck }]);
  });

  it('says what it waits for, once, and gets an address as soon as there is one', async () => {
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: RANGE }] } }));
    services.create('ui');
    await settle();
    expect(services.service('ui')).toMatchObject({
      metadata: { finalizers: [] },
      ingress: [],
      conditions: [{ type: ALLOCATED, status: 'False' }],
    });
    await settle();
    expect(fake.events).toMatchObject([
      { type: 'Warning', regarding: { kind: 'Service', namespace: 'shop', name: 'ui' } },
    ]);
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: RANGE }], services: {} } }));
    await settle();
    expect(services.service('ui').conditions).toMatchObject([{ type: ALLOCATED, status: 'True' }, { type: HELD }]);
    expect(heldBy(addressOf('ui'))).toHaveLength(1);
  });

  it('goes when no node has its address any more, which is kept for its name', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    services.delete('ui');
    // The node that holds it says so until its plan has it no more.
    services.deliver();
    await reconciler.run();
    expect(services.services.has('shop/ui')).toBe(true);
    expect(plannedFor(address)).toEqual([]);
    await reconciler.run();
    expect(services.services.has('shop/ui')).toBe(true);
    await settle();
    expect(services.services.has('shop/ui')).toBe(false);
    expect(services.claims.get(address)).toMatchObject({
      spec: { owners: [], retained: { namespace: 'shop', name: 'ui' } },
    });
    expect(reasons()).toEqual(['AddressAllocated', 'AddressReleased']);
    services.create('ui');
    await settle();
    expect(addressOf('ui')).toBe(address);
  });

  it('goes ten seconds later when the node that had its address is dead, and that is told', async () => {
    services.create('ui');
    await settle();
    const [dead = ''] = heldBy(addressOf('ui'));
    const last = fake.plan(dead).status ?? { held: [] };
    const silent = () => fake.reportAll({ [dead]: last });
    services.delete('ui');
    await settle(silent);
    expect(services.services.has('shop/ui')).toBe(true);
    await fake.time.advance(8000);
    await settle(silent);
    expect(services.services.has('shop/ui')).toBe(true);
    await fake.time.advance(2001);
    await settle(silent);
    expect(services.services.has('shop/ui')).toBe(false);
    const told = fake.events.find(({ reason }) => reason === 'AddressStillHeld');
    expect(told).toMatchObject({ type: 'Warning', regarding: { kind: 'Service', name: 'ui' } });
    expect(told?.note).toContain(dead);
  });

  it('waits for its nodes also when it gave its address up before, and came back', async () => {
    services.create('ui');
    await settle();
    services.change('ui', { type: 'ClusterIP', loadBalancerClass: undefined });
    await settle();
    services.change('ui', { type: 'LoadBalancer', loadBalancerClass: 'keepalived-ingress-vip.io/vip' });
    await settle();
    await fake.time.advance(60_000);
    services.delete('ui');
    services.deliver();
    await reconciler.run();
    services.deliver();
    await reconciler.run();
    expect(services.services.has('shop/ui')).toBe(true);
    expect(reasons()).not.toContain('AddressStillHeld');
    await settle();
    expect(services.services.has('shop/ui')).toBe(false);
  });

  it('that becomes another type gives its address up, and everything that said so', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    services.change('ui', { type: 'ClusterIP', loadBalancerClass: undefined });
    await settle();
    expect(services.service('ui')).toMatchObject({ metadata: { finalizers: [] }, ingress: [], conditions: [] });
    expect(plannedFor(address)).toEqual([]);
    expect(services.claims.get(address)).toMatchObject({ spec: { owners: [] } });
    services.change('ui', { type: 'LoadBalancer', loadBalancerClass: 'keepalived-ingress-vip.io/vip' });
    await settle();
    expect(addressOf('ui')).toBe(address);
  });

  it('of another class is left alone, with its finalizer and its status', async () => {
    const ingress = [{ ip: '198.51.100.7' }];
    const service = services.create('ui', { loadBalancerClass: 'example.com/other', ingress });
    const { metadata } = service;
    services.change('ui', { metadata: { ...metadata, finalizers: [FINALIZER] } });
    await settle();
    services.delete('ui');
    await settle();
    expect(fake.written.filter((what) => what.endsWith(' ui'))).toEqual([]);
    expect(services.service('ui')).toMatchObject({ ingress, metadata: { finalizers: [FINALIZER] } });
  });

  it('moves with its node’s end, which is told on the Service too', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    const [from = ''] = heldBy(address);
    const to = ['a', 'b', 'c'].find((name) => name !== from) ?? '';
    const since = new Date(fake.time.wallMs()).toISOString();
    await settle(() => {
      fake.reportAll({ [from]: { observedPlan: fake.plan(from).spec.plan, held: [] } });
      fake.report(to, { observedPlan: fake.plan(to).spec.plan, held: [{ address, since }] });
    });
    expect(services.claims.get(address)?.status).toMatchObject({ holders: [to], since });
    const told = fake.events.filter(({ reason }) => reason === 'AddressMoved');
    expect(told).toMatchObject([{ regarding: { kind: 'Service', name: 'ui' }, type: 'Normal' }]);
    expect(told[0]?.note).toContain(`from ${from} to ${to}`);
  });
});

describe('what a Service asks for', () => {
  it('may be both families: two claims, of which that of IPv6 is spelt out; a range may say the prefix', async () => {
    const ranges = [{ cidr: RANGE, prefixLength: 24 }, { cidr: 'fd00::/120' }];
    fake.putPool(poolOf('web', [], { spec: { ranges, services: {} } }));
    services.create('ui', { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' });
    await settle();
    const [six = '', four = ''] = services.addresses('ui');
    expect([...services.claims.keys()].toSorted()).toEqual([
      four,
      expect.stringMatching(/^fd00-0000-0000-0000-0000-0000-0000-00[0-9a-f]{2}$/),
    ]);
    expect(six).toMatch(/^fd00::/);
    expect([plannedFor(`${four}/24`), plannedFor(six)]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect([heldBy(four).length, heldBy(six).length]).toEqual([1, 1]);
  });

  it('may be another address: it has that before it gives up the old one', async () => {
    services.create('ui');
    await settle();
    const before = addressOf('ui');
    const after = before === '192.0.2.140' ? '192.0.2.141' : '192.0.2.140';
    const written = fake.written.length;
    services.change('ui', { annotations: { 'keepalived-ingress-vip.io/addresses': after } });
    await settle();
    expect(addressOf('ui')).toBe(after);
    const order = fake.written.slice(written).filter((what) => /^claim(_update|_removal)? /.test(what));
    expect(order).toEqual([`claim ${after}`, `claim_update ${before}`]);
    expect([heldBy(after).length, plannedFor(before)]).toEqual([1, []]);
    expect(services.service('ui').metadata.finalizers).toEqual([FINALIZER]);
    expect(reasons().filter((reason) => reason === 'AddressReleased')).toHaveLength(1);
  });

  it('may be an address that another has, by a common key: one goes at once, the other keeps it', async () => {
    const annotations = { 'keepalived-ingress-vip.io/share': 'k' };
    services.create('ui', { annotations });
    services.create('db', { annotations, ports: [{ protocol: 'TCP', port: 5432 }] });
    await settle();
    const address = addressOf('ui');
    expect(addressOf('db')).toBe(address);
    services.delete('ui');
    services.deliver();
    await reconciler.run();
    services.deliver();
    await reconciler.run();
    expect(services.services.has('shop/ui')).toBe(false);
    await settle();
    expect(addressOf('db')).toBe(address);
    expect(heldBy(address)).toHaveLength(1);
  });
});

describe('addresses of Services', () => {
  it('are decided about only when all is listed; pools do not wait, and what was planned goes on', async () => {
    fake.putPool(poolOf('fixed', ['192.0.2.100']));
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    services.create('db');
    services.restart();
    services.complete = false;
    fake.putPool(poolOf('more', ['192.0.2.101']));
    reconciler = fake.reconciler();
    await settle();
    expect(services.addresses('db')).toEqual([]);
    expect(heldBy('192.0.2.101')).toHaveLength(1);
    expect(heldBy(address)).toHaveLength(1);
    services.complete = true;
    await settle();
    expect(heldBy(addressOf('db'))).toHaveLength(1);
    expect(addressOf('ui')).toBe(address);
  });

  it('are given by the claim: who is told that another has the address takes the next', async () => {
    const rival = { namespace: 'shop', name: 'rival', uid: 'uid-rival' };
    services.create('ui');
    services.create('rival', { metadata: { ...services.service('ui').metadata, name: 'rival', uid: 'uid-rival' } });
    services.services.delete('shop/rival');
    const stolen: string[] = [];
    fake.onWrite = (what) => {
      const [kind, address = ''] = what.split(' ');
      if (kind !== 'claim' || stolen.length > 0) return;
      stolen.push(address);
      // Another leader was faster: its Service is there as well, only not known here yet.
      services.services.set('shop/rival', {
        ...services.service('ui'),
        metadata: { ...services.service('ui').metadata, ...rival },
      });
      services.claims.set(address, {
        metadata: { name: address, uid: 'uid-stolen', resourceVersion: '5' },
        spec: { address, pool: 'web', owners: [rival] },
      });
    };
    services.deliver();
    await reconciler.run();
    expect(fake.failed).toEqual([]);
    await settle();
    expect(stolen).toHaveLength(1);
    expect(addressOf('ui')).not.toBe(stolen[0]);
    expect(addressOf('rival')).toBe(stolen[0]);
  });

  it('are taken from nobody whose Service is only not known yet', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    services.restart();
    // The list of Services is older than that of claims.
    services.caches.services.replace([], services.caches.services.changes);
    reconciler = fake.reconciler();
    await reconciler.run();
    expect(services.claims.get(address)).toMatchObject({ spec: { owners: [{ name: 'ui' }] } });
    await settle();
    expect(addressOf('ui')).toBe(address);
  });

  it('are not given up for others that are not the Service’s any more, which is only not known yet', async () => {
    services.create('ui', { annotations: { 'keepalived-ingress-vip.io/addresses-per-family': '2' } });
    await settle();
    const [first = '', second = ''] = services.addresses('ui');
    services.change('ui', { annotations: {} });
    services.deliver();
    const claim = services.claims.get(first);
    if (claim === undefined) throw new Error(`${first} is not claimed`);
    const retained = { namespace: 'shop', name: 'ui', since: '2030-01-01T00:00:00Z' };
    services.claims.set(first, {
      metadata: { ...claim.metadata, resourceVersion: '9999' },
      spec: { ...claim.spec, owners: [], retained },
    });
    await reconciler.run();
    expect(services.claims.get(second)).toMatchObject({ spec: { owners: [{ name: 'ui' }] } });
    await settle();
    expect(addressOf('ui')).toBe(second);
  });

  it('are written no further when the term ends between two writes for one Service', async () => {
    services.create('ui');
    services.deliver();
    fake.onWrite = (what) => {
      if (what.startsWith('claim ')) fake.term?.end();
    };
    await reconciler.run();
    expect(fake.written).toEqual(['finalizer ui', 'pool_finalizers web 1', expect.stringMatching(/^claim /)]);
  });

  it('go on being planned while claims are not known, also when their ranges were taken out of the pool', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    fake.putPool({ ...fake.pool('web'), spec: { addresses: ['192.0.2.100'] } });
    services.restart();
    services.complete = false;
    reconciler = fake.reconciler();
    await settle();
    expect(heldBy(address)).toHaveLength(1);
  });

  it('stay when their pool is deleted, which goes with the last of them', async () => {
    services.create('ui');
    await settle();
    const address = addressOf('ui');
    const { metadata, ...pool } = fake.pool('web');
    fake.putPool({ ...pool, metadata: { ...metadata, deletionTimestamp: '2026-02-01T00:00:00Z' } });
    await settle();
    expect(addressOf('ui')).toBe(address);
    expect(heldBy(address)).toHaveLength(1);
    services.delete('ui');
    await settle();
    expect(services.services.size).toBe(0);
    await settle();
    expect(fake.caches.pools.get('web')).toBeUndefined();
  });

  it('are counted in the status of their pool, which is Ready without any', async () => {
    await settle();
    const ready = () => fake.pool('web').status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready()).toMatchObject({ status: 'True', reason: 'NoAddressYet' });
    expect(fake.pool('web').status?.services).toEqual({ capacity: 14, allocated: 0, retained: 0, free: 14 });
    services.create('ui');
    services.create('db');
    await settle();
    services.delete('db');
    await settle();
    expect(ready()).toMatchObject({ status: 'True', reason: 'AllWell' });
    expect(fake.pool('web').status).toMatchObject({
      addressCount: 1,
      heldCount: 1,
      services: { capacity: 14, allocated: 1, retained: 1, free: 12 },
    });
    services.restart();
    services.complete = false;
    reconciler = fake.reconciler();
    await settle();
    expect(fake.pool('web').status?.services).toEqual({ capacity: 14, allocated: 1, retained: 1, free: 12 });
  });

  it('of one Service that cannot be written hold up neither others nor pools', async () => {
    fake.onWrite = (what) => {
      if (what === 'service_status bad') throw new Error('refused by a webhook');
    };
    services.create('bad');
    services.create('good');
    services.deliver();
    fake.putPool(poolOf('fixed', ['192.0.2.100']));
    await expect(reconciler.run()).rejects.toThrow('service shop/bad');
    fake.reportAll();
    expect(heldBy(addressOf('good'))).toHaveLength(1);
    expect(heldBy('192.0.2.100')).toHaveLength(1);
    fake.onWrite = () => undefined;
    await settle();
    expect(heldBy(addressOf('bad'))).toHaveLength(1);
  });
});

describe('many Services at once', () => {
  it('get theirs some hundred at a time, so that nodes have the first before the last is written', async () => {
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: '198.18.0.0/22' }], services: {} } }));
    for (let at = 0; at < 250; at += 1) services.create(`s${at}`);
    services.deliver();
    expect(await reconciler.run()).toBe(0);
    expect(services.claims.size).toBe(100);
    const [first = ''] = services.claims.keys();
    expect(plannedFor(first)).toEqual(['a', 'b', 'c']);
    await settle();
    expect(services.claims.size).toBe(250);
  });

  it('of which some cannot be written do not keep the others waiting', async () => {
    fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: '198.18.0.0/22' }], services: {} } }));
    fake.onWrite = (what) => {
      if (/^service_status bad/.test(what)) throw new Error('refused by a webhook');
    };
    for (let at = 0; at < 220; at += 1) services.create(`bad${at}`);
    for (let at = 0; at < 20; at += 1) services.create(`good${at}`);
    for (let runs = 0; runs < 3; runs += 1) {
      services.deliver();
      await reconciler.run().catch(() => undefined);
      fake.reportAll();
    }
    expect(services.addresses('good19')).toHaveLength(1);
  });
});
