import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyManifest, freeAddresses, poolObject, waitForShares, waitGone } from '../environment/pools.ts';
import { helmInstall, helmUninstall, NAMESPACE, RELEASE, waitForHolder, waitForPods } from '../environment/release.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { INTERFACE, ip } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { site } from './here.ts';
import { addressesOf, addressOf, claims, createService, deleteService } from './service-objects.ts';

const repeated = repeatedWhenDisturbed();
const SHOP = 'cases';
const CONTROLLERS = ['-n', NAMESPACE, '-l', 'app.kubernetes.io/component=controller'];
const NODE_PODS = ['-n', NAMESPACE, '-l', 'app.kubernetes.io/component=node'];
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `case-${letter}`);
const EVEN = [2, 2, 2];
/** Far above the second in which it is to be put right: this machine does other things besides. */
const BY_HAND_MS = 5000;
const ROUNDS = 4;
/** Every look is a kubectl, which takes a processor from the other cluster. */
const LIMIT = { limitMs: 60_000, everyMs: 100 };
/** Sixteen addresses, which no other test has at the same time. */
const [network = ''] = freeAddresses(site, 224, 1);
const PREFIX_LENGTH = 32;

const table: string[][] = [['WHAT', 'FIGURE']];

function record(what: string, milliseconds: number): number {
  table.push([what, `${milliseconds.toFixed(0)} ms`]);
  return milliseconds;
}

/** How many of a workload's pods there are to be, and waits until it is so. */
async function scaleControllers(replicas: number): Promise<void> {
  await site.kubectl(['scale', 'deployment', '-n', NAMESPACE, `${RELEASE}-controller`, `--replicas=${replicas}`]);
  const pods = () => site.kubectl(['get', 'pods', ...CONTROLLERS, '-o', 'name']);
  if (replicas === 0) {
    await waitFor('no controller to be left', async () => (await pods()) === '', { limitMs: 90_000, everyMs: 100 });
  } else {
    const ready = `--for=jsonpath={.status.readyReplicas}=${replicas}`;
    await site.kubectl(['wait', 'deployment', '-n', NAMESPACE, `${RELEASE}-controller`, ready, '--timeout=60s'], {
      timeout: 70_000,
    });
  }
}

/** The node whose controller plans. */
async function leadingNode(): Promise<string> {
  const lease = ['get', 'lease', '-n', NAMESPACE, '-o', 'jsonpath={range .items[*]}{.spec.holderIdentity}{"\\n"}{end}'];
  const leader = (await site.kubectl(lease)).split('\n').find((name) => name.includes('-controller-')) ?? '';
  const pod = leader.split('_')[0] ?? '';
  return site.kubectl(['get', 'pod', '-n', NAMESPACE, pod, '-o', 'jsonpath={.spec.nodeName}']);
}

async function addresses(): Promise<string[]> {
  return Promise.all(NAMES.map((name) => addressOf(name, SHOP)));
}

describe.skipIf(!site.hasHarness)('addresses of Services', repeated, () => {
  let given: string[] = [];

  beforeAll(async () => {
    const on = ['controller.enabled=true', 'services.enabled=true', 'services.classless=true'];
    await helmInstall(site, { set: ['keepalived.vipAddressCidr=', ...on] });
    await site.kubectl(['create', 'namespace', SHOP]);
    await scaleControllers(2);
    const services = { retainSeconds: 0 };
    await applyManifest(
      site,
      poolObject('cases', {
        ranges: [{ cidr: `${network}/28` }],
        failback: { delaySeconds: 1 },
        services,
      }),
    );
    for (const name of NAMES) await createService(name, {}, SHOP);
    given = await addresses();
  });

  afterAll(async () => {
    process.stderr.write(`${formatTable(table)}\n`);
    await site.cluster.heal();
    await site.kubectl(['delete', 'namespace', SHOP, '--ignore-not-found', '--timeout=60s'], { timeout: 70_000 });
    await waitGone(site, given);
    await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=60s'], { timeout: 70_000 });
    await helmUninstall(site);
  });

  it('are spread evenly, go over to the others when a node is lost, and are on no node twice when it is back', async () => {
    expect(new Set(given).size).toBe(NAMES.length);
    await waitForShares(site, given, EVEN);
    const struck = (await waitForHolder(site, given[0])) ?? '';
    await site.cluster.inject('link-cut', struck);
    const cutMs = monotonicMs();
    await waitForShares(site, given, [3, 3], LIMIT.limitMs, { struck });
    record('a node is cut off → the others have its addresses', monotonicMs() - cutMs);
    await site.cluster.heal();
    await waitForShares(site, given, EVEN);
    expect(await addresses()).toEqual(given);
  });

  it('are given by another controller when the one that plans hangs, which does no harm when it goes on', async () => {
    await site.cluster.inject('controller-hang', await leadingNode());
    const fromMs = monotonicMs();
    await createService('during', {}, SHOP);
    const address = await addressOf('during', SHOP);
    record('the controller that plans hangs → a new Service has an address', monotonicMs() - fromMs);
    await site.cluster.heal();
    await createService('after', {}, SHOP);
    const next = await addressOf('after', SHOP);
    expect(new Set([...given, address, next]).size).toBe(NAMES.length + 2);
    expect(await addresses()).toEqual(given);
    expect(await addressOf('during', SHOP)).toBe(address);
    for (const name of ['during', 'after']) await deleteService(name, SHOP);
    await waitGone(site, [address, next]);
  });

  it('are put back when somebody takes one off its node, and taken off where somebody puts one', async () => {
    const [address = ''] = given;
    const holder = await waitForHolder(site, address);
    const other = site.cluster.plan.nodes.find(({ name }) => name !== holder);
    const { netns } = site.cluster.host(holder);
    const prefix = /\binet \S+\/(\d+) /.exec(await ip(['-o', 'address', 'show', 'to', address], netns))?.[1];
    await ip(['address', 'delete', `${address}/${prefix}`, 'dev', INTERFACE], netns);
    const fromMs = monotonicMs();
    await waitForShares(site, given);
    expect(record('taken off by hand → one node has it', monotonicMs() - fromMs)).toBeLessThan(BY_HAND_MS);
    await ip(['address', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', INTERFACE], other?.netns);
    const addedMs = monotonicMs();
    await waitForShares(site, given);
    expect(record('put on another node by hand → one node has it', monotonicMs() - addedMs)).toBeLessThan(BY_HAND_MS);
  });

  it('are given up when their Service was deleted while no controller was there, its finalizer or not', async () => {
    await createService('seen', {}, SHOP);
    await createService('unseen', {}, SHOP);
    const both = [await addressOf('seen', SHOP), await addressOf('unseen', SHOP)];
    await waitForShares(site, [...given, ...both]);
    await scaleControllers(0);
    const finalizers = [
      'patch',
      'service',
      'unseen',
      '-n',
      SHOP,
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    ];
    await site.kubectl(['delete', 'service', '-n', SHOP, 'seen', 'unseen', '--wait=false']);
    await site.kubectl(finalizers);
    // Nobody is there to say so: nodes go on with what they were told.
    await waitForShares(site, [...given, ...both]);
    await scaleControllers(2);
    await waitGone(site, both);
    await waitFor(
      'both claims to be gone',
      async () => (await claims()).every(({ metadata }) => !both.includes(metadata.name)),
      LIMIT,
    );
    await waitFor('the Service to be gone', async () => !(await services()).includes('seen'), LIMIT);
    expect(await addresses()).toEqual(given);
    await waitForShares(site, given);
  });

  it('are back after every pod of the release was killed at once, and the same', async () => {
    const kill = ['--grace-period=0', '--force', '--wait=true', '--timeout=60s'];
    await Promise.all(
      [NODE_PODS, CONTROLLERS].map((pods) => site.kubectl(['delete', 'pods', ...pods, ...kill], { timeout: 70_000 })),
    );
    const fromMs = monotonicMs();
    // What was killed takes nothing off its node: that an address is there says nothing before the next ones run.
    await waitForPods(site);
    await waitForShares(site, given, EVEN);
    record('every pod killed → the next ones are Ready, each address on one node, evenly', monotonicMs() - fromMs);
    expect(await addresses()).toEqual(given);
  });

  it(`are on one node each after every one of ${ROUNDS} moves, and never stay behind`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const holder = await waitForHolder(site, given[round % given.length]);
      await site.cluster.inject(round % 2 === 0 ? 'cordon' : 'switch-cut', holder);
      await waitForShares(site, given, [3, 3], LIMIT.limitMs, round % 2 === 0 ? {} : { struck: holder });
      await site.cluster.heal();
      await waitForShares(site, given, EVEN);
    }
    for (const [index, name] of NAMES.entries()) expect(await addressesOf(name, SHOP)).toEqual([given[index]]);
  });

  it('are free for the next as soon as nobody keeps them', async () => {
    await createService('last', {}, SHOP);
    const address = await addressOf('last', SHOP);
    await waitForHolder(site, address);
    await deleteService('last', SHOP);
    await createService('wants', { 'keepalived-ingress-vip.io/addresses': address }, SHOP);
    expect(await addressOf('wants', SHOP)).toBe(address);
    await waitForHolder(site, address);
    await site.kubectl(['patch', 'service', 'wants', '-n', SHOP, '-p', '{"spec":{"type":"ClusterIP"}}']);
    await waitGone(site, [address]);
    expect(await addressesOf('wants', SHOP)).toEqual([]);
  });

  async function services(): Promise<string[]> {
    return (await site.kubectl(['get', 'services', '-n', SHOP, '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  }
});
