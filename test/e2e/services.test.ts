import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Prober } from '../clients/prober.ts';
import { applyManifest, freeAddresses, holdersByAddress, waitGone } from '../environment/pools.ts';
import { helmInstall, helmUninstall, helmUpgrade, NAMESPACE, RELEASE, waitForHolder } from '../environment/release.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { site } from './here.ts';
import { objectsOf } from './leftovers.ts';
import { nextAnswer } from './reachable.ts';
import {
  addressesOf,
  addressOf,
  allocated,
  claims,
  createService,
  createServices,
  deleteService,
  deleteServices,
  FINALIZER,
  reasonsOf,
  serviceOf,
} from './service-objects.ts';

const repeated = repeatedWhenDisturbed();
const CONTROLLER = `system:serviceaccount:${NAMESPACE}:${RELEASE}-controller`;
const CONTROLLER_PODS = ['-n', NAMESPACE, '-l', 'app.kubernetes.io/component=controller'];
/** No node has the address before the Service. A second or two on a quiet machine; it takes programs that are started and wait for their turn. */
const FIRST_ANSWER_MS = 15_000;
/** Far above what nothing costs: this machine does other things besides. */
const NOTICED_MS = 400;
const LIMIT = { limitMs: 60_000, everyMs: 100 };

const table: string[][] = [['WHAT', 'FIGURE']];

function record(what: string, milliseconds: number): number {
  table.push([what, `${milliseconds.toFixed(0)} ms`]);
  return milliseconds;
}

/** Sixteen addresses, of which a range has fourteen for Services. */
const [network = ''] = freeAddresses(site, 128, 1);
const RANGE = `${network}/28`;
const [ASKED = '', TAKEN = ''] = freeAddresses(site, 133, 2);
const [OTHERS = '', , EXTERNAL = ''] = freeAddresses(site, 144, 3);
/** More than the Services that another load balancer served before. */
const PREDECESSORS = freeAddresses(site, 150, 30);
const ADOPTED = 20;
/** Of no pool. */
const STRANGER = '203.0.113.7';

/** The pool that the documentation begins with. */
const POOL = `
apiVersion: keepalived-ingress-vip.io/v1alpha1
kind: VirtualIPPool
metadata: {name: web}
spec:
  ranges: [{cidr: ${RANGE}}]
  services: {autoAssign: true}
`;

/** Another pool, for one namespace alone. */
const FENCED = {
  apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
  kind: 'VirtualIPPool',
  metadata: { name: 'office' },
  spec: { ranges: [{ cidr: `${OTHERS}/30` }], services: { namespaces: ['office'] } },
};

function isInRange(address: string): boolean {
  return freeAddresses(site, 129, 14).includes(address);
}

/** What kubectl says when somebody who is not allowed to does something; '' when it did not refuse. */
function refusal(args: readonly string[]): Promise<string> {
  return site.kubectl([...args, `--as=${CONTROLLER}`]).then(
    () => '',
    (error: Error) => error.message,
  );
}

describe.skipIf(!site.hasHarness)('Services of type LoadBalancer', repeated, () => {
  const probers: Prober[] = [];

  beforeAll(async () => {
    const on = ['controller.enabled=true', 'services.enabled=true', 'services.classless=true'];
    const set = ['keepalived.vipAddressCidr=', ...on, 'services.externalIPs=InPools'];
    await helmInstall(site, { set });
    for (const namespace of ['shop', 'office']) await site.kubectl(['create', 'namespace', namespace]);
    await site.kubectl(['wait', 'pod', ...CONTROLLER_PODS, '--for=condition=Ready', '--timeout=60s'], {
      timeout: 70_000,
    });
    await site.kubectl(['apply', '-f', '-'], { input: POOL });
    await applyManifest(site, FENCED);
  });

  afterAll(async () => {
    for (const prober of probers) await prober.stop();
    await helmUninstall(site);
    await site.kubectl(['delete', 'namespace', 'shop', 'office', '--ignore-not-found', '--timeout=60s'], {
      timeout: 70_000,
    });
    await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=60s'], { timeout: 70_000 });
    process.stderr.write(`${formatTable(table)}\n`);
  });

  /** A client outside the cluster that asks an address all the time. */
  async function clientOf(address: string): Promise<Prober> {
    const prober = site.prober('regular', { address, intervalMs: 20 });
    probers.push(prober);
    await prober.start();
    return prober;
  }

  /** The longest time without an answer since then. */
  function longestOutage(prober: Prober, address: string, sinceMs: number): number {
    const attempts = prober.attempts(address, sinceMs);
    const gaps = attempts.filter(({ ok }) => ok).map(({ endMs }) => endMs);
    return Math.max(...gaps.map((ms, index) => ms - (gaps[index - 1] ?? sinceMs)));
  }

  it('get an address of a pool, which one node has and where a client gets answers; all of it is said', async () => {
    const fromMs = monotonicMs();
    await createService('web');
    const address = await addressOf('web');
    record('kubectl apply → the Service has an address', monotonicMs() - fromMs);
    expect(isInRange(address)).toBe(true);
    const prober = await clientOf(address);
    const answeredMs = await nextAnswer(prober, address);
    expect(record('kubectl apply → a client has an answer', answeredMs - fromMs)).toBeLessThan(FIRST_ANSWER_MS);
    const holder = await waitForHolder(site, address);
    const { metadata, status } = await serviceOf('web');
    expect(status.loadBalancer.ingress).toEqual([{ ip: address, ipMode: 'VIP' }]);
    expect(metadata.finalizers).toContain(FINALIZER);
    expect(await allocated('web')).toMatchObject({ status: 'True', reason: 'Allocated' });
    const seen = () => site.kubectl(['get', 'serviceaddresses']);
    await waitFor('the holder to be told', async () => (await seen()).includes(holder), LIMIT);
    await waitFor(
      'the Service to tell it',
      async () =>
        (await serviceOf('web')).status.conditions?.some(
          ({ type, message }) =>
            type === 'keepalived-ingress-vip.io/Held' && message === `${address} is held by ${holder}`,
        ),
      LIMIT,
    );
    const row = (await seen()).split('\n')[1]?.split(/\s+/) ?? [];
    expect(row).toEqual(expect.arrayContaining([address, 'web', 'shop', holder]));
  });

  it('get the address that MetalLB’s annotation asks for', async () => {
    await createService('asks', { 'metallb.io/loadBalancerIPs': ASKED });
    expect(await addressOf('asks')).toBe(ASKED);
    await waitForHolder(site, ASKED);
  });

  it('keep their addresses when the controller is replaced, which clients do not notice', async () => {
    const before = [await addressOf('web'), await addressOf('asks')];
    const prober = probers[0];
    const fromMs = monotonicMs();
    await site.kubectl(['delete', 'pods', ...CONTROLLER_PODS, '--wait=true', '--timeout=60s'], { timeout: 70_000 });
    await createService('later');
    const address = await addressOf('later');
    record('the controller is replaced → a new Service has an address', monotonicMs() - fromMs);
    expect([await addressOf('web'), await addressOf('asks')]).toEqual(before);
    expect(before).not.toContain(address);
    if (prober !== undefined) expect(longestOutage(prober, before[0] ?? '', fromMs)).toBeLessThan(NOTICED_MS);
  });

  it('give their address up when they are deleted, and get it back when they are created again', async () => {
    const address = await addressOf('later');
    await waitForHolder(site, address);
    const fromMs = monotonicMs();
    await deleteService('later');
    record('kubectl delete → the Service is gone', monotonicMs() - fromMs);
    await waitGone(site, [address]);
    record('kubectl delete → no node has its address', monotonicMs() - fromMs);
    const claim = (await claims()).find(({ metadata }) => metadata.name === address);
    expect(claim?.spec).toMatchObject({ owners: [], retained: { namespace: 'shop', name: 'later' } });
    await createService('between');
    expect(await addressOf('between')).not.toBe(address);
    await createService('later');
    expect(await addressOf('later')).toBe(address);
    await waitForHolder(site, address);
  });

  it('get no address that another has, nor one of a pool for other namespaces, and say so', async () => {
    await createService('mine', { 'keepalived-ingress-vip.io/addresses': TAKEN }, 'office');
    expect(await addressOf('mine', 'office')).toBe(TAKEN);
    const officeAddress = OTHERS.replace(/\d+$/, (number) => String(Number(number) + 1));
    await createService('thief', { 'keepalived-ingress-vip.io/addresses': TAKEN });
    await createService('guest', { 'keepalived-ingress-vip.io/addresses': officeAddress });
    const said = async (name: string) => (await allocated(name))?.reason;
    await waitFor('both to be refused', async () => (await said('thief')) && (await said('guest')), LIMIT);
    expect(await allocated('thief')).toMatchObject({ status: 'False', reason: 'AddressTaken' });
    expect((await allocated('thief'))?.message).toContain('office/mine');
    expect(await allocated('guest')).toMatchObject({ status: 'False', reason: 'NotAdmitted' });
    expect([...(await addressesOf('thief')), ...(await addressesOf('guest'))]).toEqual([]);
    const owners = (await claims()).flatMap(({ spec }) => spec.owners.map(({ name }) => name));
    expect(owners).not.toContain('thief');
    expect(owners).not.toContain('guest');
    const events = await site.kubectl(['get', 'events', '-n', 'shop', '-o', 'jsonpath={.items[*].reason}']);
    expect(events).toContain('AddressTaken');
  });

  it('of any type have addresses of spec.externalIPs placed that a pool has for their namespace, and no others', async () => {
    const externalIPs = [EXTERNAL, STRANGER];
    const fromMs = monotonicMs();
    await createService('external', {}, 'office', { type: 'ClusterIP', externalIPs });
    const prober = await clientOf(EXTERNAL);
    const answeredMs = await nextAnswer(prober, EXTERNAL);
    expect(record('kubectl apply with externalIPs → a client has an answer', answeredMs - fromMs)).toBeLessThan(
      FIRST_ANSWER_MS,
    );
    await createService('external', {}, 'shop', { type: 'ClusterIP', externalIPs: [EXTERNAL] });
    const told = async (namespace: string) =>
      await site.kubectl([
        'get',
        'events',
        '-n',
        namespace,
        '-o',
        'jsonpath={range .items[*]}{.reason}: {.message}{.note}{"\\n"}{end}',
      ]);
    const notAdmitted = `NotAdmitted: spec.externalIPs: ${EXTERNAL} is not placed: pool office does not serve namespace shop`;
    await waitFor('the other namespace to be refused', async () => (await told('shop')).includes(notAdmitted), LIMIT);
    expect(await told('office')).toContain(`NotInPool: spec.externalIPs: ${STRANGER} is not placed: no pool has`);
    const owners = (await claims())
      .filter(({ metadata }) => metadata.name === EXTERNAL)
      .flatMap(({ spec }) => spec.owners);
    expect(owners).toMatchObject([{ namespace: 'office', name: 'external', by: 'ExternalIPs' }]);
    expect((await claims()).map(({ metadata }) => metadata.name)).not.toContain(STRANGER);
    const { metadata, status } = await serviceOf('external', 'office');
    expect([metadata.finalizers ?? [], status]).toEqual([[], { loadBalancer: {} }]);
  });

  const OPPOSITES: readonly (readonly [string, readonly string[]])[] = [
    [
      'where a Service leads to',
      ['patch', 'service', 'web', '-n', 'shop', '-p', '{"spec":{"selector":{"app":"evil"}}}'],
    ],
    ['external IPs', ['patch', 'service', 'web', '-n', 'shop', '-p', '{"spec":{"externalIPs":["192.0.2.1"]}}']],
    ['labels of a Service', ['label', 'service', 'web', '-n', 'shop', 'a=b']],
    ['annotations of a Service', ['annotate', 'service', 'web', '-n', 'shop', 'a=b']],
    [
      'another’s finalizer',
      ['patch', 'service', 'web', '-n', 'shop', '-p', '{"metadata":{"finalizers":["example.org/other"]}}'],
    ],
    ['whether there is a Service', ['delete', 'service', 'web', '-n', 'shop']],
    ['which Services there are', ['create', 'service', 'clusterip', 'new', '-n', 'shop', '--tcp=80']],
    [
      'the ranges of a pool',
      ['patch', 'virtualippool', 'web', '--type=merge', '-p', '{"spec":{"exclude":["192.0.2.1"]}}'],
    ],
    ['whether there is a pool', ['delete', 'virtualippool', 'web']],
    ['namespaces', ['label', 'namespace', 'shop', 'a=b']],
    ['Secrets, to read', ['get', 'secrets', '-n', 'shop']],
    ['endpoints', ['delete', 'endpointslice', 'web', '-n', 'shop']],
  ];

  it.each(OPPOSITES)('are safe from a controller that was taken over: it cannot change %s', async (_what, args) => {
    expect(await refusal(args)).toMatch(/forbidden|denied request/i);
  });

  it('lose nothing of others’, and everything of ours, when they are served no more', async () => {
    const names = ['web', 'asks', 'later', 'between'];
    const addresses = await Promise.all(names.map((name) => addressOf(name)));
    const fromMs = monotonicMs();
    await helmUpgrade(site, { set: ['services.enabled=false'] });
    record('helm upgrade with services.enabled=false', monotonicMs() - fromMs);
    await expectNothing(names);
    await waitGone(site, addresses);
  });

  it('that another load balancer served keep their addresses, by its own pools', async () => {
    const pool = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', metadata: { name: 'before' } };
    const advertisement = { apiVersion: 'metallb.io/v1beta1', kind: 'L2Advertisement', metadata: { name: 'all' } };
    const spec = { addresses: [`${PREDECESSORS[0]}-${PREDECESSORS.at(-1)}`] };
    const items = [{ ...pool, spec }, advertisement];
    const program = path.resolve(import.meta.dirname, '../../dist/controller.cjs');
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { stdout, stderr } = await execa(process.execPath, [program, 'translate'], { input, timeout: 60_000 });
    expect(stderr).toBe('');
    const names = PREDECESSORS.slice(0, ADOPTED).map((_address, number) => `adopted-${number}`);
    // Not in the order of the names, nor of what would be given.
    const addresses = PREDECESSORS.slice(-ADOPTED);
    await createServices(names);
    for (const [number, name] of names.entries()) {
      const status = { loadBalancer: { ingress: [{ ip: addresses[number] }] } };
      const patch = ['patch', 'service', '-n', 'shop', name, '--subresource=status', '-p', JSON.stringify({ status })];
      await site.kubectl(patch);
    }
    await site.kubectl(['apply', '-f', '-'], { input: stdout });
    const fromMs = monotonicMs();
    await helmUpgrade(site, { set: ['services.enabled=true'] });
    const taken = async () => (await reasonsOf(names)).every((reason) => reason === 'Allocated');
    await waitFor('all to be taken over', taken, LIMIT);
    record(`helm upgrade → ${ADOPTED} Services of another load balancer are taken over`, monotonicMs() - fromMs);
    expect(await Promise.all(names.map((name) => addressesOf(name)))).toEqual(addresses.map((address) => [address]));
    const owned = (await claims()).filter(({ spec: { owners } }) => owners.some(({ name }) => names.includes(name)));
    expect(owned.map(({ metadata }) => metadata.name).sort()).toEqual([...addresses].sort());
    await nextAnswer(await clientOf(addresses[0] ?? ''), addresses[0] ?? '');
    await deleteServices(names);
    await site.kubectl(['delete', 'virtualippool', 'before', '--timeout=60s'], { timeout: 70_000 });
  });

  it('are served again by an upgrade, and have nothing left of the release after helm uninstall', async () => {
    await helmUpgrade(site, { set: ['services.enabled=true'] });
    const names = ['web', 'asks', 'later', 'between'];
    const addresses = await Promise.all(names.map((name) => addressOf(name)));
    expect(addresses).toContain(ASKED);
    await waitForHolder(site, addresses[0]);
    await site.kubectl(['delete', 'virtualippool', 'web', '--wait=false']);
    expect(await addressesOf('web')).toEqual([addresses[0]]);
    const fromMs = monotonicMs();
    await helmUninstall(site);
    record('helm uninstall', monotonicMs() - fromMs);
    await expectNothing(names);
    expect(await site.kubectl(['get', 'virtualippools', '-o', 'name'])).toBe(
      'virtualippool.keepalived-ingress-vip.io/office',
    );
    const held = await holdersByAddress(site);
    expect(addresses.filter((address) => held.has(address))).toEqual([]);
    const gone = async () => (await objectsOf(site, RELEASE)).length === 0;
    await waitFor('everything of the release to be gone', gone, { limitMs: 60_000, everyMs: 500 });
    for (const name of names) await deleteService(name);
  });

  async function expectNothing(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const { metadata, status } = await serviceOf(name);
      expect(metadata.finalizers ?? []).not.toContain(FINALIZER);
      expect(status.loadBalancer).toEqual({});
      expect(status.conditions ?? []).toEqual([]);
    }
    expect(await claims()).toEqual([]);
    const finalizers = await site.kubectl(['get', 'virtualippools', '-o', 'jsonpath={.items[*].metadata.finalizers}']);
    expect(finalizers).toBe('');
  }
});
