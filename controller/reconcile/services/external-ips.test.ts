import { beforeEach, describe, expect, it } from 'vitest';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { SERVICE_FINALIZER } from '../../services/annotations.ts';
import { FakeCluster } from '../../testing/fake-cluster.ts';
import type { FakeServices } from '../../testing/fake-services.ts';
import { poolOf } from '../../testing/objects.ts';
import { settle as settleAll } from '../../testing/settle.ts';
import type { Reconciler } from '../reconciler.ts';

const ADDRESS = '192.0.2.130';
const STRANGER = '203.0.113.7';
const PLAIN = { type: 'ClusterIP', loadBalancerClass: undefined };

let fake: FakeCluster;
let services: FakeServices;
let reconciler: Reconciler;

/** Runs until nothing is written any more. */
function settle(): Promise<void> {
  return settleAll({ fake, services, reconciler });
}

function create(name: string, externalIPs: readonly string[], changes: Partial<FollowedService> = {}): FollowedService {
  return services.create(name, { ...PLAIN, externalIPs, ...changes });
}

function heldBy(address: string): string[] {
  return fake.caches.plans
    .list()
    .filter(({ status }) => (status?.held ?? []).some((each) => each.address === address))
    .map(({ metadata }) => metadata.name);
}

function news(): string[][] {
  return fake.events
    .filter(({ regarding }) => regarding.kind === 'Service')
    .map(({ type, reason, note }) => [type, reason, note]);
}

/** What was written to Services themselves. */
function toServices(): string[] {
  return fake.written.filter((what) => /^(finalizer|finalizer_removal|service_status) /.test(what));
}

beforeEach(() => {
  fake = new FakeCluster();
  services = fake.serve();
  fake.addNodes('a', 'b', 'c');
  fake.putPool(poolOf('web', [], { spec: { ranges: [{ cidr: '192.0.2.128/28' }], services: {} } }));
  reconciler = fake.reconciler();
});

describe('spec.externalIPs of a Service that is no load balancer', () => {
  it('is claimed and held by a node; of the Service itself nothing is written', async () => {
    create('ui', [ADDRESS]);
    await settle();
    expect(services.claims.get(ADDRESS)?.spec).toMatchObject({
      pool: 'web',
      owners: [{ namespace: 'shop', name: 'ui', by: 'ExternalIPs' }],
    });
    expect(heldBy(ADDRESS)).toHaveLength(1);
    expect(news()).toContainEqual([
      'Normal',
      'AddressAllocated',
      `spec.externalIPs: ${ADDRESS} is placed, as one of pool web`,
    ]);
    expect(toServices()).toEqual([]);
  });

  it('is not placed of a stranger, which is told once, and once more by the next leader', async () => {
    create('ui', [STRANGER]);
    await settle();
    const told = () => news().filter(([, reason]) => reason === 'NotInPool');
    const text = `spec.externalIPs: ${STRANGER} is not placed: no pool has ${STRANGER} in its spec.ranges; ask for an address of one, or widen a pool`;
    expect(told()).toEqual([['Warning', 'NotInPool', text]]);
    expect([services.claims.size, toServices()]).toEqual([0, []]);
    services.create('other');
    await settle();
    expect(told()).toHaveLength(1);
    reconciler = fake.reconciler();
    await settle();
    expect(told()).toHaveLength(2);
  });

  it('leaves alone what another load balancer gave the Service, and its finalizer', async () => {
    const foreign = { ingress: [{ ip: ADDRESS }], type: 'LoadBalancer', loadBalancerClass: 'example.org/other' };
    const { metadata } = create('ui', [ADDRESS], foreign);
    services.change('ui', { metadata: { ...metadata, finalizers: [SERVICE_FINALIZER] } });
    await settle();
    expect(heldBy(ADDRESS)).toHaveLength(1);
    services.change('ui', { externalIPs: [] });
    await settle();
    expect(heldBy(ADDRESS)).toEqual([]);
    expect(services.service('ui')).toMatchObject({
      ingress: [{ ip: ADDRESS }],
      metadata: { finalizers: [SERVICE_FINALIZER] },
    });
    expect(toServices()).toEqual([]);
  });

  it('is given up when the Service is gone, and kept for one of its name', async () => {
    create('ui', [ADDRESS]);
    await settle();
    services.services.delete('shop/ui');
    await settle();
    expect(heldBy(ADDRESS)).toEqual([]);
    expect(services.claims.get(ADDRESS)?.spec).toMatchObject({ owners: [], retained: { name: 'ui' } });
    create('ui', [ADDRESS]);
    await settle();
    expect(heldBy(ADDRESS)).toHaveLength(1);
  });

  it('is not given up while the Service is known in an older state than the claim', async () => {
    create('ui', []);
    await settle();
    services.change('ui', { externalIPs: [ADDRESS] });
    const { uid } = services.service('ui').metadata;
    await services.createClaim({
      address: ADDRESS,
      pool: 'web',
      owners: [{ namespace: 'shop', name: 'ui', uid, by: 'ExternalIPs' }],
    });
    services.deliver('claims');
    await reconciler.run();
    expect(services.claims.get(ADDRESS)?.spec.owners).toHaveLength(1);
  });
});

describe('a load balancer of ours with spec.externalIPs', () => {
  it('publishes its own address alone; both are held, and it goes when it is deleted', async () => {
    services.create('ui', { externalIPs: [ADDRESS] });
    await settle();
    const [own = ''] = services.addresses('ui');
    expect(services.addresses('ui')).toEqual([own]);
    expect(own).not.toBe(ADDRESS);
    expect([heldBy(own), heldBy(ADDRESS)]).toEqual([[expect.anything()], [expect.anything()]]);
    services.delete('ui');
    await settle();
    expect(services.services.size).toBe(0);
    expect([heldBy(own), heldBy(ADDRESS)]).toEqual([[], []]);
  });

  it('is where its endpoints are with externalTrafficPolicy Local, with both addresses', async () => {
    services.create('ui', { externalIPs: [ADDRESS], externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234 });
    await settle();
    const instances = fake.caches.plans.list().flatMap(({ spec }) => spec.instances);
    const own = new Set([ADDRESS, ...services.addresses('ui')]);
    const names = instances.filter(({ addresses }) => addresses.some((each) => own.has(each))).map(({ name }) => name);
    expect(new Set(names).size).toBe(1);
    expect(fake.plan('a').spec.pools).toContainEqual(
      expect.objectContaining({ localEndpoints: expect.objectContaining({ port: 31_234 }) }),
    );
  });

  it('that becomes a ClusterIP loses what was its own, and keeps what the field has', async () => {
    services.create('ui', { externalIPs: [ADDRESS] });
    await settle();
    const [own = ''] = services.addresses('ui');
    services.change('ui', { ...PLAIN });
    await settle();
    expect(services.service('ui')).toMatchObject({ ingress: [], conditions: [], metadata: { finalizers: [] } });
    expect([heldBy(own), heldBy(ADDRESS)]).toEqual([[], [expect.anything()]]);
  });
});
