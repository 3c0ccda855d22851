import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BANDS } from '../../api/bands.ts';
import type { NodePlanSpec } from '../../api/node-plan.ts';
import { readPlanStatus, writePlan } from '../lab/node-plans.ts';
import { labStatus } from '../lab/status.ts';
import { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { ip } from '../support/netns.ts';
import { waitFor } from '../support/wait.ts';
import { LabUnderTest, QUICK_API } from './lab-under-test.ts';

const repeated = repeatedWhenDisturbed();
const skip = mustSkip('pools in the lab', [canMakeNamespaces, command('nginx'), command('mmdebstrap')]);
/** The sidecar notices after twenty seconds that nobody is at the other end of its watch. */
const SILENCE_LIMIT = { limitMs: 60_000 };
/** Longer than an election takes. */
const STEADY_MS = 1000;
const MEBIBYTE = 1024 * 1024;

/** Slots with the nodes that are to hold them, in order of preference: each node is the first of two, and its two have different seconds. */
const ORDERS = [
  ['node1', 'node2', 'node3'],
  ['node1', 'node3', 'node2'],
  ['node2', 'node1', 'node3'],
  ['node2', 'node3', 'node1'],
  ['node3', 'node1', 'node2'],
  ['node3', 'node2', 'node1'],
];

function addressOf(slot: number): string {
  return `172.30.0.${201 + slot}`;
}

/** What a slot's instance has besides its own address. */
type Extra = Readonly<Record<number, readonly string[]>>;

function planFor(node: string, id: string, extra: Extra = {}): NodePlanSpec {
  return {
    plan: id,
    pools: [{ name: 'default', interface: '', failbackDelaySeconds: 1 }],
    instances: ORDERS.map((order, slot) => ({
      name: `default-${slot}`,
      pool: 'default',
      virtualRouterId: 101 + slot,
      rank: order.indexOf(node),
      addresses: [addressOf(slot), ...(extra[slot] ?? [])],
    })),
  };
}

interface Status {
  readonly pools: { readonly enabled: boolean; readonly heard?: boolean; readonly observedPlan?: string | null };
  readonly instances: readonly {
    readonly name: string;
    readonly vrrp: { readonly since: string | null };
    readonly fitness: { readonly band: number } | null;
  }[];
}

describe.skipIf(skip)('a plan of six addresses on three nodes', repeated, () => {
  const lab = new LabUnderTest({ name: 'pools', set: ['controller.enabled=true', ...QUICK_API] });
  lab.register();
  afterEach(() => lab.heal());

  const status = async (node: string) => (await lab.status(node)) as unknown as Status;
  const apply = (id: string, extra?: Extra) =>
    Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, planFor(node, id, extra))));
  const places = async () => Promise.all(ORDERS.map((_, slot) => lab.holders(addressOf(slot))));
  const heldAt = (place: number) => ORDERS.map((order) => [order[place] ?? '']);
  async function waitForPlaces(what: string, expected: string[][]): Promise<void> {
    let seen: string[][] = [];
    await waitFor(
      what,
      async () => {
        seen = await places();
        return JSON.stringify(seen) === JSON.stringify(expected);
      },
      {},
      () => JSON.stringify(seen),
    );
  }
  const waitForObserved = (id: string) =>
    waitFor(`every node to report ${id}`, async () => {
      const reports = await Promise.all(lab.nodes.map((node) => readPlanStatus(lab.name, node)));
      return reports.every((report) => report?.observedPlan === id);
    });
  /** Since when each instance is in its VRRP state, by node. */
  const since = async () =>
    Object.fromEntries(
      await Promise.all(
        lab.nodes.map(async (node) => {
          const { instances } = await status(node);
          return [node, Object.fromEntries(instances.map(({ name, vrrp }) => [name, vrrp.since]))] as const;
        }),
      ),
    );

  it('lets each node hold the two that it is first for, beside the address of the settings', async () => {
    const holder = await lab.ready();
    const beganMs = monotonicMs();
    await apply('first');
    await waitForPlaces('every address at its first node', heldAt(0));
    process.stdout.write(`plan to held at the planned node: ${(monotonicMs() - beganMs).toFixed(0)} ms\n`);
    await waitForObserved('first');
    await waitFor('the reports', async () => ((await readPlanStatus(lab.name, 'node1'))?.held?.length ?? 0) === 2);
    expect(await readPlanStatus(lab.name, 'node1')).toMatchObject({
      held: [{ address: addressOf(0) }, { address: addressOf(1) }],
      health: [{ pool: 'default', band: 0, reason: 'healthy' }],
      problems: [],
    });
    expect(await lab.holders()).toEqual([holder]);
    expect(await lab.metric('node1', 'keepalived_vip_address_held')).toBe(2);
  });

  it('moves the addresses of a node whose ingress died to two different nodes, as ranked, and back when it is well', async () => {
    const beganMs = monotonicMs();
    await lab.inject('ingress-crash', 'node1');
    const moved = heldAt(0).map((first, slot) => (first[0] === 'node1' ? [ORDERS[slot]?.[1] ?? ''] : first));
    await waitForPlaces('the addresses of node1 at their second nodes', moved);
    process.stdout.write(`ingress dead to held elsewhere: ${(monotonicMs() - beganMs).toFixed(0)} ms\n`);
    await lab.heal();
    await waitForPlaces('every address at its first node again', heldAt(0));
  });

  it('leaves every holder alone when one address is added', async () => {
    await lab.ready();
    await delay(STEADY_MS); // what came before may end
    const before = await since();
    const added = '172.30.0.211';
    const beganMs = monotonicMs();
    await apply('second', { 3: [added] });
    await waitFor('the new address', async () => (await lab.holders(added)).join() === 'node2');
    process.stdout.write(`edit to held: ${(monotonicMs() - beganMs).toFixed(0)} ms\n`);
    await waitForObserved('second');
    await delay(STEADY_MS); // the time is what is asked for
    expect(await places()).toEqual(heldAt(0));
    expect(await since()).toEqual(before);
  });

  it('leaves addresses whose prefix changes at their node: IPv4 untouched, IPv6 away for a moment at most', async () => {
    const [ipv4, ipv6] = ['172.30.0.211', 'fd00:172:30::211'];
    await apply('narrow', { 3: [`${ipv4}/28`, `${ipv6}/80`] });
    await waitFor('the address of IPv6', async () => (await lab.holders(ipv6)).join() === 'node2');
    await waitForObserved('narrow');
    const before = await since();
    const node2 = lab.network.nodes.find(({ name }) => name === 'node2');
    const watch = await AddressWatch.start(lab.network.nodes);
    try {
      const fromMs = monotonicMs();
      await apply('wide', { 3: [`${ipv4}/24`, `${ipv6}/64`] });
      await waitForObserved('wide');
      let shown = '';
      await waitFor(
        'the wider prefix',
        async () => {
          shown = await ip(['-o', 'address', 'show', 'to', ipv6], node2?.netns);
          return shown.includes(`${ipv6}/64 `) && !shown.includes('/80');
        },
        {},
        () => shown,
      );
      const changes = watch.changes(ipv6, fromMs);
      const gaps = changes.flatMap(({ added, atMs }, index) =>
        added ? [] : (changes.slice(index).find((later) => later.added)?.atMs ?? atMs) - atMs,
      );
      process.stdout.write(
        `prefix changed: ${changes.map(({ added }) => (added ? 'on' : 'off')).join()}, away ${gaps.map((ms) => ms.toFixed(0)).join()} ms\n`,
      );
      expect(changes.every(({ node }) => node === 'node2')).toBe(true);
      expect(Math.max(0, ...gaps)).toBeLessThan(1000);
      expect(watch.changes(ipv4, fromMs)).toEqual([]);
    } finally {
      watch.stop();
    }
    expect(await since()).toEqual(before);
    await apply('second', { 3: [ipv4] });
    await waitForObserved('second');
  });

  // Long because a connection whose other end is gone is noticed after 20 s: keep-alive of TCP.
  it('goes on while the API is away, also with a sidecar that restarts', async () => {
    await lab.inject('api-unreachable', 'node2');
    await waitFor('the silence', async () => (await status('node2')).pools.heard === false, SILENCE_LIMIT);
    await lab.inject('sidecar-kill', 'node2');
    await lab.heal({ fault: 'sidecar-kill' });
    await waitFor('the new sidecar', async () => (await lab.ask('node2', '/status')) !== '');
    await waitFor('its plan', async () => (await status('node2')).pools.observedPlan === 'second');
    expect((await status('node2')).instances.map(({ name }) => name)).toHaveLength(6);
    // It comes back in the band of nodes that cannot reach the API: its addresses are with those that can, and it is their backup.
    const bands = async () => (await status('node2')).instances.map(({ fitness }) => fitness?.band);
    await waitFor(
      'node2 to count the silence',
      async () => (await bands()).every((band) => band === BANDS.noKubeApi),
      SILENCE_LIMIT,
    );
    const elsewhere = ORDERS.map((order) => [order.find((node) => node !== 'node2') ?? '']);
    await waitForPlaces('one holder of each address', elsewhere);
    await lab.heal();
    await waitFor('the API to be heard', async () => (await status('node2')).pools.heard === true, SILENCE_LIMIT);
    await waitForPlaces('every address at its first node again', heldAt(0));
  });

  it('does so within 96 MiB', async () => {
    for (const { name, processes } of (await labStatus(lab.state)).nodes) {
      const resident = readFileSync(`/proc/${processes.sidecar}/status`, 'utf8');
      const bytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(resident)?.[1]) * 1024;
      process.stdout.write(`resident memory on ${name}: ${(bytes / MEBIBYTE).toFixed(1)} MiB\n`);
      expect(bytes).toBeLessThanOrEqual(96 * MEBIBYTE);
    }
  });

  it('takes every address off when the plan has none, and leaves the address of the settings alone', async () => {
    const holder = await lab.ready();
    await Promise.all(lab.nodes.map((node) => writePlan(lab.name, node, null)));
    await waitForPlaces(
      'no holder',
      ORDERS.map(() => []),
    );
    expect(await lab.holders()).toEqual([holder]);
    await waitFor('the files to go', () => lab.runtimeFile('node1', 'track/default-0.gate') === '');
    expect((await status('node1')).pools).toMatchObject({ enabled: true, heard: true, plan: null });
  });
});
