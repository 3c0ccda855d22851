import { beforeEach, describe, expect, it } from 'vitest';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { FollowedService } from '../kubernetes/load-balancer-service.ts';
import { ResourceCache } from '../kubernetes/resource-cache.ts';
import { FakeServices } from '../testing/fake-services.ts';
import { poolOf } from '../testing/objects.ts';
import { type TakeBackDependencies, takeBack } from './take-back.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const CLAIMS_FINALIZER = 'keepalived-ingress-vip.io/service-addresses';
const LIMIT = { limitMs: 10_000 };

const ALLOCATED = {
  type: 'keepalived-ingress-vip.io/Allocated',
  status: 'True',
  reason: 'Allocated',
  message: 'it has all',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const REFUSED = { ...ALLOCATED, status: 'False', reason: 'NoPool' };

let time: ManualTime;
let pools: ResourceCache<VirtualIpPool>;
let cluster: FakeServices;
let lines: string[];
let versions: number;
/** Called with each write before it is stored. */
let onWrite: (what: string) => void;

beforeEach(() => {
  time = new ManualTime();
  pools = new ResourceCache<VirtualIpPool>({}, { onChange: () => undefined });
  lines = [];
  versions = 10;
  onWrite = () => undefined;
  cluster = new FakeServices({
    pools,
    nextVersion: () => String(++versions),
    note: async (what) => onWrite(what),
  });
});

/** A Service that has an address of ours, with all that this leaves in the cluster. */
async function served(name: string, address: string, changes: Partial<FollowedService> = {}): Promise<void> {
  const service = cluster.create(name, {
    ingress: [{ ip: address, ipMode: 'VIP' }],
    conditions: [ALLOCATED],
    ...changes,
  });
  await cluster.addServiceFinalizer(service);
  const { namespace, uid } = service.metadata;
  await cluster.createClaim({ address, pool: 'web', owners: [{ namespace, name, uid }] });
}

function run(changes: Partial<TakeBackDependencies> = {}): Promise<void> {
  return takeBack(LIMIT, {
    find: async () => ({
      services: [...cluster.services.values()],
      claims: [...cluster.claims.values()],
      pools: pools.list(),
    }),
    writer: {
      removeServiceFinalizer: (service) => cluster.removeServiceFinalizer(service),
      patchServiceStatus: (service, patch) => cluster.patchServiceStatus(service, patch),
      deleteClaim: (claim) => cluster.deleteClaim(claim),
      setPoolFinalizers: async (pool, finalizers) => {
        const stored = await cluster.setPoolFinalizers(pool, finalizers);
        if (stored !== undefined) pools.put(stored);
        return stored;
      },
    },
    clock: time,
    sleep: async (milliseconds) => time.stall(milliseconds),
    say: (line) => lines.push(line),
    ...changes,
  });
}

describe('what is taken back', () => {
  it('is, of a Service with external IPs, the claim alone: its finalizer and status are another’s', async () => {
    const address = '192.0.2.7';
    const { metadata } = cluster.create('ui', {
      type: 'ClusterIP',
      externalIPs: [address],
      ingress: [{ ip: address }],
    });
    cluster.change('ui', { metadata: { ...metadata, finalizers: [FINALIZER] } });
    const { namespace, name, uid } = metadata;
    await cluster.createClaim({ address, pool: 'web', owners: [{ namespace, name, uid, by: 'ExternalIPs' }] });
    await run();
    expect(cluster.claims.size).toBe(0);
    expect(cluster.service('ui')).toMatchObject({ ingress: [{ ip: address }], metadata: { finalizers: [FINALIZER] } });
  });

  it('is everything of ours: addresses and the condition of Services, finalizers, claims', async () => {
    await served('web', '192.168.11.130');
    await served('api', 'fd00::1');
    await cluster.createClaim({
      address: '192.168.11.131',
      pool: 'web',
      owners: [],
      retained: { namespace: 'shop', name: 'gone', since: '2026-01-01T00:00:00Z' },
    });
    const pool = poolOf('web', []);
    pools.put({ ...pool, metadata: { ...pool.metadata, finalizers: ['example.org/other', CLAIMS_FINALIZER] } });
    await run();
    for (const name of ['web', 'api']) {
      expect(cluster.service(name)).toMatchObject({ ingress: [], conditions: [], ownFinalizer: false });
      expect(cluster.service(name).metadata.finalizers).toEqual([]);
    }
    expect([...cluster.claims.keys()]).toEqual([]);
    expect(pools.get('web')?.metadata.finalizers).toEqual(['example.org/other']);
    expect(lines).toContain('Service shop/web: released, without 192.168.11.130');
    expect(lines.at(-1)).toBe('taken back: Services 2, addresses 3, pools 1');
  });

  it('lets a deleted Service go', async () => {
    await served('web', '192.168.11.130');
    cluster.delete('web');
    expect(cluster.services.size).toBe(1);
    await run();
    expect(cluster.services.size).toBe(0);
  });

  it('is nothing of a Service that is none of ours', async () => {
    const other = {
      ingress: [{ ip: '203.0.113.9' }],
      metadata: { ...cluster.create('cloud').metadata, finalizers: [FINALIZER] },
    };
    cluster.change('cloud', other);
    const before = cluster.service('cloud');
    await run();
    expect(cluster.service('cloud')).toEqual(before);
    expect(lines).toEqual(['there is nothing to take back']);
  });

  it('is the condition alone of one that we could give nothing to, and that has addresses of somebody else', async () => {
    cluster.create('cloud', { ingress: [{ ip: '203.0.113.9' }], conditions: [REFUSED] });
    await run();
    expect(cluster.service('cloud')).toMatchObject({ ingress: [{ ip: '203.0.113.9' }], conditions: [] });
  });

  it('is the claimed address alone of one that has another besides', async () => {
    await served('web', '192.168.11.130', {
      ingress: [{ ip: '192.168.11.130' }, { hostname: 'web.example.org' }, { ip: '203.0.113.9' }],
      conditions: [REFUSED],
    });
    await run();
    expect(cluster.service('web').ingress).toEqual([{ hostname: 'web.example.org' }, { ip: '203.0.113.9' }]);
  });

  it('is the finalizer also of one that came from a backup, which does not say who put it there', async () => {
    await served('web', '192.168.11.130');
    cluster.change('web', { ownFinalizer: false });
    await run();
    expect(cluster.service('web').metadata.finalizers).toEqual([]);
  });

  it('is the finalizer of one whose claim was not made any more', async () => {
    await cluster.addServiceFinalizer(cluster.create('web'));
    await run();
    expect(cluster.service('web').metadata.finalizers).toEqual([]);
  });
});

describe('taking back', () => {
  it('deletes no claim before every Service is released, so that it can be begun anew', async () => {
    const writes: string[] = [];
    await served('web', '192.168.11.130');
    await served('api', '192.168.11.131');
    onWrite = (what) => writes.push(what.split(' ')[0] ?? '');
    await run();
    expect(writes.lastIndexOf('finalizer_removal')).toBeLessThan(writes.indexOf('claim_removal'));
    expect(writes.lastIndexOf('service_status')).toBeLessThan(writes.indexOf('claim_removal'));
  });

  it('tries again what fails, and goes on with the rest meanwhile', async () => {
    await served('web', '192.168.11.130');
    await served('api', '192.168.11.131');
    let failures = 3;
    onWrite = (what) => {
      if (what === 'service_status web' && failures-- > 0) throw new Error('connect ECONNREFUSED');
    };
    await run();
    expect(cluster.service('web').ingress).toEqual([]);
    expect(lines.at(-1)).toBe('taken back: Services 2, addresses 2, pools 0');
  });

  it('looks again until nothing is left: somebody may still have been at it', async () => {
    await served('web', '192.168.11.130');
    let done = false;
    const again = async () => {
      if (!done) await cluster.addServiceFinalizer(cluster.service('web'));
      done = true;
    };
    await run({
      sleep: async (milliseconds) => {
        time.stall(milliseconds);
        await again();
      },
    });
    expect(cluster.service('web').metadata.finalizers).toEqual([]);
  });

  it('ends with what is left, and why, when it takes too long', async () => {
    await served('web', '192.168.11.130');
    onWrite = (what) => {
      if (what === 'service_status web') throw new Error('services "web" is forbidden');
    };
    await expect(run()).rejects.toThrow(
      'not everything was taken back (left: 2) within 10 s: Service shop/web: services "web" is forbidden',
    );
    expect(cluster.claims.size).toBe(1);
  });

  it('says when somebody puts everything there again', async () => {
    await served('web', '192.168.11.130');
    const sleep = async (milliseconds: number) => {
      time.stall(milliseconds);
      await cluster.addServiceFinalizer(cluster.service('web'));
    };
    await expect(run({ sleep })).rejects.toThrow(
      'not everything was taken back (left: 1) within 10 s: somebody puts them there again; stop the controller first',
    );
  });

  it('waits for an API server that does not answer', async () => {
    await served('web', '192.168.11.130');
    let failures = 2;
    const find = async () => {
      if (failures-- > 0) throw new Error('connect ECONNREFUSED');
      return { services: [...cluster.services.values()], claims: [...cluster.claims.values()], pools: [] };
    };
    await run({ find });
    expect(cluster.claims.size).toBe(0);
    const never = () => Promise.reject(new Error('connect ECONNREFUSED'));
    await expect(run({ find: never })).rejects.toThrow('nothing could be read within 10 s: connect ECONNREFUSED');
  });
});
