import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { type FollowedService, followedService, type RawService } from './load-balancer-service.ts';
import { ServiceApi } from './service-api.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const CONDITION = {
  type: 'keepalived-ingress-vip.io/Allocated',
  status: 'True',
  reason: 'Allocated',
  message: 'it has 192.0.2.7 of pool web',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const OTHERS = { ...CONDITION, type: 'example.com/x' };
const OWNERS = [{ namespace: 'shop', name: 'ui', uid: 'u' }];

let server: FakeApiServer;
let api: ServiceApi;

beforeEach(async () => {
  server = new FakeApiServer();
  const access = new KubeConfig();
  access.loadFromClusterAndUser(
    { name: 'fake', server: await server.start(), skipTLSVerify: true },
    { name: 'nobody' },
  );
  api = new ServiceApi({ access });
});

afterEach(() => server.stop());

function put(): FollowedService {
  const metadata = { name: 'ui', namespace: 'shop', uid: 'u', finalizers: ['example.com/f'] };
  return followedService(
    server.put('services', {
      metadata,
      spec: { type: 'LoadBalancer' },
      status: { conditions: [OTHERS] },
    }) as RawService,
  );
}

describe('what is written to a Service', () => {
  it('is the finalizer, and what others have there stays', async () => {
    const service = put();
    const finalized = await api.addServiceFinalizer(service);
    expect(finalized).toMatchObject({ ownFinalizer: true, metadata: { finalizers: ['example.com/f', FINALIZER] } });
    await api.removeServiceFinalizer(service);
    expect(server.get('services', 'ui')).toMatchObject({ metadata: { finalizers: ['example.com/f'] } });
  });

  it('is the address and one condition, and both can be taken off', async () => {
    const service = put();
    const ingress = [{ ip: '192.0.2.7', ipMode: 'VIP' }];
    expect(await api.patchServiceStatus(service, { ingress, conditions: [CONDITION] })).toMatchObject({
      ingress,
      conditions: [CONDITION],
    });
    expect(server.get('services', 'ui')).toMatchObject({ status: { conditions: [OTHERS, CONDITION] } });
    const without = { type: CONDITION.type, $patch: 'delete' as const };
    await api.patchServiceStatus(service, { ingress: [], conditions: [without] });
    expect(server.get('services', 'ui')?.status).toEqual({ conditions: [OTHERS], loadBalancer: {} });
  });

  it('is nothing where it is gone, or where another has its name', async () => {
    const service = put();
    server.remove('services', 'ui');
    expect(await api.addServiceFinalizer(service)).toBeUndefined();
    server.put('services', { metadata: { name: 'ui', namespace: 'shop', uid: 'another' }, spec: {} });
    expect(await api.patchServiceStatus(service, { conditions: [CONDITION] })).toBeUndefined();
    expect(server.get('services', 'ui')).toMatchObject({ metadata: { uid: 'another' }, spec: {} });
  });
});

describe('a claim', () => {
  it('is made once, and changed only as it is known', async () => {
    const spec = { address: '192.0.2.7', pool: 'web', sharingKey: 'k', owners: OWNERS };
    const first = await api.createClaim(spec);
    await expect(api.createClaim(spec)).rejects.toMatchObject({ code: 409 });
    const retained = { namespace: 'shop', name: 'ui', since: '2026-01-01T00:00:00Z' };
    const second = await api.updateClaim(first, { address: '192.0.2.7', pool: 'web', owners: [], retained });
    expect(second.spec).toEqual({ address: '192.0.2.7', pool: 'web', owners: [], retained });
    await expect(api.updateClaim(first, spec)).rejects.toMatchObject({ code: 409 });
    await expect(api.deleteClaim(first)).rejects.toMatchObject({ code: 409 });
    await api.deleteClaim(second);
    await api.deleteClaim(second);
    expect(await api.readClaim('192.0.2.7')).toBeUndefined();
  });

  it('on an address of IPv6 has a name without colons', async () => {
    const { metadata } = await api.createClaim({ address: 'fd00::7', pool: 'web', owners: OWNERS });
    expect(metadata.name).toBe('fd00-0000-0000-0000-0000-0000-0000-0007');
  });
});
