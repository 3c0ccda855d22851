import { beforeEach, describe, expect, it } from 'vitest';
import { CONTROL_PLANE_INGRESS, CONTROL_PLANE_INGRESS_POOL } from '../../api/control-plane-ingress.ts';
import { ResourceCache } from '../kubernetes/resource-cache.ts';
import type { ServiceFacts } from '../kubernetes/service-facts.ts';
import { FakeCluster, FakeTerm } from '../testing/fake-cluster.ts';
import { poolOf } from '../testing/objects.ts';
import type { Reconciler } from './reconciler.ts';
import { WriteError } from './stage-runner.ts';

const POOL = CONTROL_PLANE_INGRESS_POOL;
const [OLD, NEW, FREE] = ['192.0.2.100', '192.0.2.101', '192.0.2.102'];

let cluster: FakeCluster;
let reconciler: Reconciler;

function managed(address: string) {
  return { managedVirtualIP: { address } };
}

function external(address: string) {
  return { externalIP: { address } };
}

function status() {
  const found = cluster.ingresses.get(CONTROL_PLANE_INGRESS)?.status;
  if (found === undefined) throw new Error('the ingress has no status');
  return found;
}

/** By type the status and reason of each condition, without what every name begins with. */
function conditions(): Record<string, string> {
  const said = status().conditions ?? [];
  return Object.fromEntries(
    said.map(({ type, status: value, reason }) => [type.replace('ControlPlaneIngress', ''), `${value} ${reason}`]),
  );
}

function message(type: string): string {
  return status().conditions?.find((condition) => condition.type === `ControlPlaneIngress${type}`)?.message ?? '';
}

function addresses(): readonly string[] | undefined {
  return cluster.caches.pools.get(POOL)?.spec.addresses;
}

function answers(address: string, ok = true): void {
  cluster.answers.set(`https://${address}:8443/`, { ok, text: ok ? 'answers 200' : `${address} does not answer` });
}

/** Runs until nothing follows: what a run writes is seen by the next. */
async function settle({ reported = true } = {}): Promise<void> {
  for (let run = 0; run < 6; run += 1) {
    cluster.time.stall(1000);
    await reconciler.run();
    if (reported) cluster.reportAll();
  }
}

beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addNodes('a', 'b', 'c', 'worker');
  cluster.label({ 'node-role.kubernetes.io/master': '' }, 'a', 'b');
  cluster.label({ 'node-role.kubernetes.io/control-plane': '' }, 'c');
  reconciler = cluster.reconciler();
});

describe('a managed address of the control plane’s ingress', () => {
  it('is a pool on the control planes, with their taints tolerated, checked by HTTPS on port 8443', async () => {
    cluster.putIngress(managed(`${OLD}/24`));
    await settle();
    const { spec, metadata, status: pool } = cluster.pool(POOL);
    expect(spec.addresses).toEqual([`${OLD}/24`]);
    expect(spec.healthCheck).toEqual({ httpGet: { scheme: 'HTTPS', port: 8443 } });
    expect(spec.tolerations).toContainEqual({ key: 'node-role.kubernetes.io/bootstrap', operator: 'Exists' });
    expect(spec.tolerations).toContainEqual({ key: 'node-role.kubernetes.io/master', operator: 'Exists' });
    expect(spec.tolerations).toContainEqual({ key: 'node-role.kubernetes.io/infra', operator: 'Exists' });
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'ControlPlaneIngress', name: 'main', uid: 'uid-ingress' }]);
    expect(pool?.eligibleNodes).toBe(3);
  });

  it('is reported with its endpoint and MetalK8s’ conditions', async () => {
    cluster.putIngress(managed(`${OLD}/24`));
    await settle();
    expect(status()).toMatchObject({ ip: OLD, endpoint: `https://${OLD}:8443`, source: 'ManagedVirtualIP' });
    expect(conditions()).toEqual({
      Configured: 'True Configured',
      VirtualIPConfigured: 'True Configured',
      VirtualIPReady: 'True Ready',
      Ready: 'True AllWell',
    });
  });

  it('has its port and check from the ingress, and brackets around IPv6', async () => {
    const healthCheck = { tcpSocket: { port: 9443 } };
    cluster.putIngress({ ...managed('fd00::100'), port: 9443, healthCheck });
    await settle();
    expect(status().endpoint).toBe('https://[fd00::100]:9443');
    expect(cluster.pool(POOL).spec.healthCheck).toEqual(healthCheck);
  });

  it('is not in force before a node holds it', async () => {
    cluster.putIngress(managed(OLD));
    await settle({ reported: false });
    expect(status().ip).toBeUndefined();
    expect(conditions()).toMatchObject({ Configured: 'False AddressChanging', VirtualIPReady: 'False PoolNotReady' });
    expect(message('Configured')).toBe(`${OLD} is held by no node yet`);
  });

  it('says that the pool is being made, then that it is not ready, before it is', async () => {
    const seen = new Set<string>();
    cluster.putIngress(managed(OLD));
    for (let run = 0; run < 6; run += 1) {
      cluster.time.stall(1000);
      await reconciler.run();
      seen.add(conditions().VirtualIPConfigured ?? '').add(conditions().VirtualIPReady ?? '');
      cluster.reportAll();
    }
    expect([...seen]).toEqual([
      'False ObjectUpdateInProgress',
      'False PoolNotCreated',
      'True Configured',
      'False PoolNotReady',
      'True Ready',
    ]);
  });

  it('stays in force while nobody holds it for a moment', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    for (const { metadata } of cluster.caches.plans.list()) cluster.report(metadata.name, { held: [] });
    await settle({ reported: false });
    expect(status().ip).toBe(OLD);
    expect(conditions()).toMatchObject({ Configured: 'True Configured', VirtualIPReady: 'False PoolNotReady' });
  });

  it('is told by Events as MetalK8s calls them, each once', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    const told = cluster.events.filter(({ regarding }) => regarding.kind === 'ControlPlaneIngress');
    expect(told.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Normal ControlPlaneIngressObjectUpdateInProgress',
      'Normal ControlPlaneIngressVirtualIPObjectUpdateInProgress',
      'Normal ControlPlaneIngressVirtualIPPoolNotCreated',
      'Normal ControlPlaneIngressAddressChanging',
      'Normal ControlPlaneIngressVirtualIPConfigured',
      'Normal ControlPlaneIngressVirtualIPPoolNotReady',
      'Normal ControlPlaneIngressConfigured',
      'Normal ControlPlaneIngressVirtualIPReady',
    ]);
    expect(told[0]?.regarding).toMatchObject({ name: CONTROL_PLANE_INGRESS, uid: 'uid-ingress' });
    cluster.putIngress({ nodeName: 'gone' });
    await settle();
    expect(cluster.events.at(-1)).toMatchObject({
      type: 'Warning',
      reason: 'ControlPlaneIngressNodeRetrievingError',
      note: 'there is no node gone; correct spec.nodeName',
    });
  });

  it('leaves nothing to write when all is well', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    cluster.written.length = 0;
    await settle();
    expect(cluster.written).toEqual([]);
  });

  it('is left to whoever has a pool of that name, and that is said', async () => {
    cluster.putPool(poolOf(POOL, [FREE]));
    cluster.putIngress(managed(OLD));
    await settle();
    expect(addresses()).toEqual([FREE]);
    expect(conditions()).toMatchObject({
      VirtualIPConfigured: 'Unknown ObjectUpdateError',
      Ready: 'Unknown ObjectUpdateError',
    });
    expect(message('VirtualIPConfigured')).toContain('give that pool another name');
  });

  it('says why its pool cannot be written', async () => {
    cluster.onWrite = (what) => {
      if (what === `pool ${POOL}`) throw new Error('virtualippools is forbidden');
    };
    cluster.putIngress(managed(OLD));
    await expect(reconciler.run()).rejects.toThrow(WriteError);
    expect(message('VirtualIPConfigured')).toBe('virtualippools is forbidden');
    expect(conditions().VirtualIPConfigured).toBe('Unknown ObjectUpdateError');
  });
});

describe('a change from one managed address to another', () => {
  beforeEach(async () => {
    cluster.putIngress(managed(OLD));
    await settle();
  });

  it('keeps the old one, also in the status, until the new one is held and answers; then gives it up', async () => {
    cluster.putIngress(managed(NEW));
    await settle({ reported: false });
    expect(addresses()).toEqual([NEW, OLD]);
    expect(conditions()).toMatchObject({ Configured: 'False AddressChanging', Ready: 'False AddressChanging' });
    expect(message('Configured')).toBe(`${NEW} is held by no node yet; until then ${OLD} stays`);
    await settle();
    expect(message('Configured')).toBe(`${NEW} is asked whether it answers; until then ${OLD} stays`);
    answers(NEW, false);
    await settle();
    expect(addresses()).toEqual([NEW, OLD]);
    expect(status()).toMatchObject({ ip: OLD, endpoint: `https://${OLD}:8443` });
    expect(message('Configured')).toBe(`${NEW} does not answer; until then ${OLD} stays`);
    answers(NEW);
    await settle();
    expect(addresses()).toEqual([NEW]);
    expect(status()).toMatchObject({ ip: NEW, endpoint: `https://${NEW}:8443` });
    expect(conditions().Ready).toBe('True AllWell');
  });

  it('leaves an answer of a node that does not hold the new one out of account', async () => {
    answers(NEW);
    cluster.putIngress(managed(NEW));
    await settle({ reported: false });
    expect(status().ip).toBe(OLD);
  });

  it('that is changed once more forgets the one between', async () => {
    cluster.putIngress(managed(NEW));
    await settle();
    cluster.putIngress(managed(FREE));
    await settle();
    expect(addresses()).toEqual([FREE, OLD]);
  });

  it('that is taken back is over at once', async () => {
    cluster.putIngress(managed(NEW));
    await settle();
    cluster.putIngress(managed(OLD));
    await settle();
    expect(addresses()).toEqual([OLD]);
    expect(conditions().Ready).toBe('True AllWell');
  });

  it('is no change when only the prefix is another', async () => {
    cluster.putIngress(managed(`${OLD}/24`));
    await settle();
    expect(addresses()).toEqual([`${OLD}/24`]);
    expect(conditions().Ready).toBe('True AllWell');
  });

  it('does not wait for an old one that is no longer there to keep', async () => {
    cluster.caches.pools.remove({ metadata: { name: POOL } });
    cluster.putIngress(managed(NEW));
    await settle();
    expect(addresses()).toEqual([NEW]);
    expect(status().ip).toBe(NEW);
  });

  it('goes on where it was with another leader', async () => {
    cluster.putIngress(managed(NEW));
    await settle();
    cluster.term?.end();
    cluster.term = new FakeTerm();
    reconciler = cluster.reconciler();
    await settle();
    expect(addresses()).toEqual([NEW, OLD]);
    answers(NEW);
    await settle();
    expect(addresses()).toEqual([NEW]);
  });

  it('asks for another look soon, and for none when it is over', async () => {
    cluster.putIngress(managed(NEW));
    await settle();
    expect(await reconciler.run()).toBeLessThanOrEqual(1000);
    answers(NEW);
    await settle();
    expect(await reconciler.run()).toBeUndefined();
  });
});

describe('a switch between a managed address and one of the user', () => {
  it('keeps the managed one until the other answers, then removes the pool', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    cluster.putIngress(external(FREE));
    await settle();
    expect(addresses()).toEqual([OLD]);
    expect(status().ip).toBe(OLD);
    answers(FREE);
    await settle();
    expect(addresses()).toBeUndefined();
    expect(status()).toMatchObject({ ip: FREE, endpoint: `https://${FREE}:8443`, source: 'ExternalIP' });
    expect(conditions()).toEqual({
      Configured: 'True Configured',
      VirtualIPConfigured: 'False NoVIP',
      VirtualIPReady: 'False NoVIP',
      Ready: 'True AllWell',
    });
  });

  it('has the user’s in the status until the managed one answers', async () => {
    cluster.putIngress(external(FREE));
    await settle();
    expect(status().ip).toBe(FREE);
    cluster.putIngress(managed(NEW));
    await settle();
    expect(addresses()).toEqual([NEW]);
    expect(status()).toMatchObject({ ip: FREE, source: 'ExternalIP' });
    answers(NEW);
    await settle();
    expect(status()).toMatchObject({ ip: NEW, source: 'ManagedVirtualIP' });
  });

  it('makes no pool of the user’s, and waits for nothing where there was no address before', async () => {
    cluster.putIngress(external(FREE));
    await settle();
    expect(cluster.written.filter((what) => what.includes('pool'))).toEqual([]);
    expect(conditions().Ready).toBe('True AllWell');
  });

  it('lets the managed one go when its pool is deleted by hand', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    cluster.putIngress(external(FREE));
    await settle();
    cluster.caches.pools.remove({ metadata: { name: POOL } });
    await settle();
    expect(addresses()).toBeUndefined();
    expect(status().ip).toBe(FREE);
  });

  it('tries again when the pool could not be removed', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    cluster.putIngress(external(FREE));
    answers(FREE);
    cluster.onWrite = (what) => {
      if (what === `pool_removal ${POOL}`) throw new Error('forbidden');
    };
    await expect(settle()).rejects.toThrow(WriteError);
    expect(addresses()).toEqual([OLD]);
    cluster.onWrite = () => undefined;
    await settle();
    expect(addresses()).toBeUndefined();
  });
});

describe('a Service that takes connections to the address', () => {
  beforeEach(() => {
    const known = new ResourceCache<ServiceFacts>({}, { onChange: () => undefined });
    known.put({ metadata: { namespace: 'ingress', name: 'ui', resourceVersion: '1' }, externalIPs: [] });
    cluster.service = { namespace: 'ingress', name: 'ui', known };
    reconciler = cluster.reconciler();
  });

  function taken(): readonly string[] | undefined {
    return cluster.service?.known.get('ui', 'ingress')?.externalIPs;
  }

  it('has a managed address before a node holds it, and both while it is changed', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    expect(cluster.written.slice(0, 2)).toEqual([`service ui ${OLD}`, `pool ${POOL}`]);
    cluster.putIngress(managed(NEW));
    await settle();
    expect(taken()).toEqual([NEW, OLD]);
    answers(NEW);
    await settle();
    expect(taken()).toEqual([NEW]);
  });

  it('has the user’s, and a node’s', async () => {
    cluster.putIngress(external(FREE));
    await settle();
    expect(taken()).toEqual([FREE]);
    answers('192.0.2.12');
    cluster.putIngress({ nodeName: 'b' });
    await settle();
    expect(taken()).toEqual(['192.0.2.12']);
  });

  it('is written no more when all is well', async () => {
    cluster.putIngress(external(FREE));
    await settle();
    cluster.written.length = 0;
    await settle();
    expect(cluster.written).toEqual([]);
  });

  it('that cannot be changed is told with the reason, and no node gets the address', async () => {
    cluster.onWrite = (what) => {
      if (what.startsWith('service ')) throw new Error('external IPs are denied');
    };
    cluster.putIngress(managed(OLD));
    await expect(reconciler.run()).rejects.toThrow(WriteError);
    expect(conditions().Configured).toBe('Unknown ObjectUpdateError');
    expect(message('Configured')).toBe('external IPs are denied');
    expect(addresses()).toBeUndefined();
  });
});

describe('a node’s address', () => {
  it('is the first of its internal ones', async () => {
    cluster.putIngress({ nodeName: 'b' });
    await settle();
    expect(status()).toMatchObject({ ip: '192.0.2.12', source: 'Node' });
    expect(conditions().Ready).toBe('True AllWell');
  });

  it('of a node that is not there leaves what is, and says so', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    cluster.putIngress({ nodeName: 'bootstrap' });
    await settle();
    expect(addresses()).toEqual([OLD]);
    expect(status().ip).toBe(OLD);
    expect(conditions()).toMatchObject({
      Configured: 'Unknown NodeRetrievingError',
      Ready: 'Unknown NodeRetrievingError',
    });
    expect(message('Configured')).toBe('there is no node bootstrap; correct spec.nodeName');
  });

  it('of a node without one is asked for in a sentence', async () => {
    const node = cluster.caches.nodes.get('b');
    if (node !== undefined) {
      cluster.caches.nodes.put({ ...node, metadata: { name: 'b', resourceVersion: '999' }, internalAddresses: [] });
    }
    cluster.putIngress({ nodeName: 'b' });
    await settle();
    expect(conditions().Configured).toBe('Unknown NodeIPRetrievingError');
    expect(status().ip).toBeUndefined();
  });
});

describe('an ingress that is not there', () => {
  it('needs nothing', async () => {
    await settle();
    expect(cluster.written).toEqual([]);
  });

  it('any more leaves its pool to Kubernetes', async () => {
    cluster.putIngress(managed(OLD));
    await settle();
    const ingress = cluster.ingresses.get(CONTROL_PLANE_INGRESS);
    if (ingress === undefined) throw new Error('there is no ingress');
    const metadata = { ...ingress.metadata, resourceVersion: '999', deletionTimestamp: '2026-01-01T00:00:00Z' };
    cluster.ingresses.put({ ...ingress, metadata, spec: managed(NEW) });
    cluster.written.length = 0;
    await settle();
    expect(cluster.written).toEqual([]);
  });
});
