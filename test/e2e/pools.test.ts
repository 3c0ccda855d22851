import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import { apiServerFor } from '../cluster/plan.ts';
import {
  applyManifest,
  freeAddresses,
  holdersByAddress,
  patchPool,
  poolObject,
  sharesOf,
  waitForShares,
  waitGone,
  withValues,
} from '../environment/pools.ts';
import {
  CHART,
  helmInstall,
  helmUninstall,
  helmUpgrade,
  NAMESPACE,
  RELEASE,
  waitForHolder,
} from '../environment/release.ts';
import { monotonicMs } from '../support/clock.ts';
import { ForeignRouter } from '../support/foreign-router.ts';
import { repeatedWhenDisturbed } from '../support/machine-watch.ts';
import { INTERFACE } from '../support/netns.ts';
import { formatTable } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { runningContainers } from './containers.ts';
import { site } from './here.ts';
import { PodApi } from './pod-token.ts';

const repeated = repeatedWhenDisturbed();
const CONTROLLER = `deployment/${RELEASE}-controller`;
const NO_SINGLE_ADDRESS = ['keepalived.vipAddressCidr='];
const LIMIT = { limitMs: 60_000, everyMs: 100 };
/** Far above what the bench measures: this machine does other things besides. */
const SILENT_NODE_MS = 1500;
const HAND_OVER_MS = 400;
const EDIT_MS = 10_000;
/** Looks of an agent every other second, and the controller's answer. */
const FOREIGN_LIMIT = { limitMs: 60_000, everyMs: 100 };
/** A label of the tests' own. */
const ZONE = 'test.example.org/zone';
/** A node that returns is trusted sooner than by default, so that the tests need not wait. */
const FAILBACK = { delaySeconds: 2 };

const table: string[][] = [['WHAT', 'FIGURE']];

function record(what: string, milliseconds: number): number {
  table.push([what, `${milliseconds.toFixed(0)} ms`]);
  return milliseconds;
}

afterAll(() => {
  if (site.hasHarness) process.stderr.write(`${formatTable(table)}\n`);
});

function jsonPath(kind: string, name: string, path: string): Promise<string> {
  return site.kubectl(['get', kind, name, '-o', `jsonpath=${path}`]);
}

async function deletePools(): Promise<void> {
  await site.kubectl(['delete', 'virtualippools', '--all', '--timeout=60s'], { timeout: 70_000 });
}

function waitReady(pool: string, limitSeconds = 60): Promise<string> {
  return site.kubectl(['wait', '--for=condition=Ready', `virtualippool/${pool}`, `--timeout=${limitSeconds}s`], {
    timeout: (limitSeconds + 10) * 1000,
  });
}

/** Waits until each address is on one node besides a struck one, and as evenly as asked for. */
async function waitForOthers(struck: string, addresses: readonly string[], shares?: readonly number[]): Promise<void> {
  const settled = async () => {
    const holders = [...(await holdersByAddress(site))];
    const others = new Map(holders.map(([address, nodes]) => [address, nodes.filter((node) => node !== struck)]));
    const single = addresses.every((address) => others.get(address)?.length === 1);
    return single && (shares === undefined || sharesOf(others, addresses).join() === shares.join());
  };
  await waitFor(`the addresses on other nodes than ${struck}`, settled, { ...LIMIT, everyMs: 20 });
}

describe.skipIf(!site.hasHarness)('a release with a controller', () => {
  const SIX = freeAddresses(site, 150, 6);
  let startedMs = 0;

  beforeAll(async () => {
    startedMs = monotonicMs();
    const pool = { nodeSelector: {}, tolerations: {}, failback: FAILBACK, addresses: SIX };
    const values = { virtualIPPools: { default: pool } };
    await withValues(values, (file) => helmInstall(site, { set: NO_SINGLE_ADDRESS, valuesFiles: [file] }));
  });

  afterAll(async () => {
    await helmUninstall(site);
    await deletePools();
  });

  describe('a pool of six addresses on three nodes', repeated, () => {
    const addresses = SIX;
    const clients = site.clients(addresses);

    beforeAll(async () => {
      await clients.start();
      record('helm install → six addresses answer', monotonicMs() - startedMs);
      await waitForShares(site, addresses, [2, 2, 2]);
      record('helm install → two on each node', monotonicMs() - startedMs);
    });

    afterEach(async () => {
      await site.cluster.heal();
      await waitForShares(site, addresses, [2, 2, 2], 120_000);
    });

    afterAll(() => clients.stop());

    it('spreads them evenly, is ready, and says so', async () => {
      await waitReady('default');
      const [head = '', row = ''] = (await site.kubectl(['get', 'virtualippools'])).split('\n');
      expect(head.split(/\s+/).filter(Boolean)).toEqual(
        expect.arrayContaining(['NAME', 'ADDRESSES', 'HELD', 'READY', 'AGE']),
      );
      expect(row.split(/\s+/)).toEqual(expect.arrayContaining(['default', '6', 'True']));
      const holders = await holdersByAddress(site);
      const told = JSON.parse(await jsonPath('virtualippool', 'default', '{.status.addresses}')) as {
        address: string;
        holders: string[];
        plannedNode: string;
      }[];
      for (const { address, holders: reported, plannedNode } of told) {
        expect(reported).toEqual(holders.get(address));
        expect([plannedNode]).toEqual(holders.get(address));
      }
    });

    const FAULTS: readonly { fault: ClusterFaultName; limitMs: number }[] = [
      { fault: 'ingress-crash', limitMs: HAND_OVER_MS },
      { fault: 'link-cut', limitMs: SILENT_NODE_MS },
      { fault: 'node-crash', limitMs: SILENT_NODE_MS },
      { fault: 'drain', limitMs: HAND_OVER_MS },
      { fault: 'cordon', limitMs: HAND_OVER_MS },
    ];

    it.each(FAULTS)(
      'goes on as 3 + 3 after $fault on one node, and is even again after healing',
      async ({ fault, limitMs }) => {
        const node = (await holdersByAddress(site)).get(addresses[0] ?? '')?.[0] ?? '';
        const fromMs = monotonicMs();
        await site.cluster.inject(fault, node);
        await waitForOthers(node, addresses, [3, 3]);
        expect(record(`${fault}: longest outage of six addresses`, await clients.longestOutage(fromMs))).toBeLessThan(
          limitMs,
        );
        const healMs = monotonicMs();
        await site.cluster.heal();
        await waitForShares(site, addresses, [2, 2, 2], 120_000);
        expect(record(`${fault}: longest outage while healing`, await clients.longestOutage(healMs))).toBeLessThan(
          limitMs,
        );
      },
    );

    it('carries out an edit at once, and leaves the other addresses alone', async () => {
      const [extra = ''] = freeAddresses(site, 160, 1);
      const before = await holdersByAddress(site);
      const fromMs = monotonicMs();
      await patchPool(site, 'default', { addresses: [...addresses, extra] });
      const newcomer = site.clients([extra]);
      await newcomer.start();
      await newcomer.stop();
      expect(record('edit → the new address answers', monotonicMs() - fromMs)).toBeLessThan(EDIT_MS);
      await patchPool(site, 'default', { addresses });
      await waitFor('the old address to be gone', async () => !(await holdersByAddress(site)).has(extra), LIMIT);
      const after = await holdersByAddress(site);
      for (const address of addresses) expect(after.get(address)).toEqual(before.get(address));
      expect(await clients.longestOutage(fromMs)).toBeLessThan(HAND_OVER_MS);
    });

    it('moves nothing while the controller is gone, and still fails over', async () => {
      const before = await holdersByAddress(site);
      await site.kubectl(['-n', NAMESPACE, 'scale', CONTROLLER, '--replicas=0']);
      await site.kubectl(
        [
          '-n',
          NAMESPACE,
          'wait',
          'pod',
          '-l',
          'app.kubernetes.io/component=controller',
          '--for=delete',
          '--timeout=60s',
        ],
        {
          timeout: 70_000,
        },
      );
      try {
        const node = before.get(addresses[0] ?? '')?.[0] ?? '';
        const fromMs = monotonicMs();
        await site.cluster.inject('ingress-crash', node);
        expect(await clients.longestOutage(fromMs)).toBeLessThan(HAND_OVER_MS);
        const after = await holdersByAddress(site);
        for (const address of addresses.filter((each) => before.get(each)?.[0] !== node)) {
          expect(after.get(address)).toEqual(before.get(address));
        }
      } finally {
        await site.kubectl(['-n', NAMESPACE, 'scale', CONTROLLER, '--replicas=2']);
      }
    });

    it('moves nothing while the API server is away, and still fails over', async () => {
      const before = await holdersByAddress(site);
      await site.cluster.inject('apiserver-stop', 'cp');
      const node = before.get(addresses[0] ?? '')?.[0] ?? '';
      const fromMs = monotonicMs();
      await site.cluster.inject('ingress-crash', node);
      expect(await clients.longestOutage(fromMs)).toBeLessThan(HAND_OVER_MS);
      const after = await holdersByAddress(site);
      for (const address of addresses.filter((each) => before.get(each)?.[0] !== node)) {
        expect(after.get(address)).toEqual(before.get(address));
      }
    });

    it('refuses an address that the pool already has, with a sentence', async () => {
      const again = poolObject('twice', { addresses: [addresses[0] ?? '', `${addresses[0]}/24`] });
      await expect(applyManifest(site, again)).rejects.toThrow(/twice|already/i);
    });

    it('leaves an address with the pool that had it first, and tells the later one', async () => {
      const [free = ''] = freeAddresses(site, 165, 1);
      await applyManifest(site, poolObject('later', { addresses: [addresses[0] ?? '', free] }));
      try {
        await waitForShares(site, [free]);
        const refused = await waitFor(
          'the condition to name the address',
          async () => {
            const messages = await jsonPath('virtualippool', 'later', '{.status.conditions[*].message}');
            return messages.includes(addresses[0] ?? '-') && messages;
          },
          LIMIT,
        );
        expect(refused).toContain('default');
      } finally {
        await site.kubectl(['delete', 'virtualippool', 'later']);
      }
      await waitFor('its address to be gone', async () => !(await holdersByAddress(site)).has(free), LIMIT);
    });

    it('lets several pools live on different nodes', async () => {
      const names = site.cluster.plan.nodes.map(({ name }) => name);
      const pools = names.slice(0, 2).map((node, index) => ({
        node,
        name: `on-${node}`,
        own: freeAddresses(site, 170 + 3 * index, 3),
      }));
      const applied = pools.map(({ node, name, own }) => {
        const nodeSelector = { matchLabels: { 'kubernetes.io/hostname': node } };
        return applyManifest(site, poolObject(name, { addresses: own, nodeSelector }));
      });
      try {
        await Promise.all(applied);
        for (const { node, name, own } of pools) {
          const holders = await waitForShares(site, own, [3]);
          expect(own.map((address) => holders.get(address))).toEqual(own.map(() => [node]));
          await waitReady(name);
        }
      } finally {
        await site.kubectl(['delete', 'virtualippool', ...pools.map(({ name }) => name), '--ignore-not-found']);
      }
    });

    it('lets an agent write the status of its own plan and of no other', async () => {
      const [own, other] = site.cluster.plan.nodes;
      if (own === undefined || other === undefined) throw new Error('this needs two nodes');
      const sidecar = runningContainers(site.cluster.state).find(
        ({ node, name }) => node === own.name && name === 'sidecar',
      );
      if (sidecar === undefined) throw new Error(`no sidecar runs on ${own.name}`);
      const api = new PodApi(sidecar.pid, apiServerFor(site.cluster.plan));
      const path = (node: string) => `/apis/keepalived-ingress-vip.io/v1alpha1/nodeplans/${node}`;
      const problems = { status: { problems: [] } };
      expect(await api.status('PATCH', `${path(own.name)}/status`, problems)).toBe(200);
      expect([403, 422]).toContain(await api.status('PATCH', `${path(other.name)}/status`, problems));
      expect(await api.status('PATCH', path(own.name), { spec: { instances: [] } })).toBe(403);
      expect(await api.status('DELETE', path(own.name))).toBe(403);
    });
  });

  describe('pools with wishes of their own', repeated, () => {
    const names = () => site.cluster.plan.nodes.map(({ name }) => name);

    beforeAll(deletePools);

    afterEach(async () => {
      await site.cluster.heal();
      await deletePools();
      await site.kubectl(['label', 'nodes', '--all', `${ZONE}-`]);
    });

    it('speak by unicast to the other nodes, also to one that comes later and without one that goes', async () => {
      const addresses = freeAddresses(site, 185, 3);
      const [first = '', second = '', late = ''] = names();
      const here = { matchLabels: { [ZONE]: 'here' } };
      await site.kubectl(['label', 'nodes', first, second, `${ZONE}=here`]);
      await applyManifest(
        site,
        poolObject('direct', { addresses, failback: FAILBACK, nodeSelector: here, vrrp: { peering: 'Unicast' } }),
      );
      await waitForShares(site, addresses, [2, 1]);
      await waitReady('direct');
      expect(await peersOf('direct')).toEqual({ [first]: [second], [second]: [first] });

      const clients = site.clients(addresses);
      await clients.start();
      try {
        const fromMs = monotonicMs();
        await site.kubectl(['label', 'nodes', late, `${ZONE}=here`]);
        await waitForShares(site, addresses, [1, 1, 1]);
        expect(record('unicast, a node comes: longest outage', await clients.longestOutage(fromMs))).toBeLessThan(
          HAND_OVER_MS,
        );
        await waitFor(
          'every node to have two peers',
          async () => Object.values(await peersOf('direct')).every((peers) => peers.length === 2),
          LIMIT,
        );
        const cut = await site.cluster.inject('link-cut', first);
        const outageMs = await clients.longestOutage(cut.injectedAt.monotonicMs);
        expect(record('unicast, link-cut: longest outage', outageMs)).toBeLessThan(SILENT_NODE_MS);
        await site.cluster.heal();
        await waitForShares(site, addresses, [1, 1, 1]);

        const goesMs = monotonicMs();
        await site.kubectl(['label', 'node', late, `${ZONE}-`]);
        await waitForShares(site, addresses, [2, 1]);
        expect(record('unicast, a node goes: longest outage', await clients.longestOutage(goesMs))).toBeLessThan(
          HAND_OVER_MS,
        );
        await waitFor(
          'the other two to be each other’s only peers',
          async () =>
            JSON.stringify(await peersOf('direct')) === JSON.stringify({ [first]: [second], [second]: [first] }),
          LIMIT,
        );
      } finally {
        await clients.stop();
      }
    });

    it('keep an address’s second node in another zone than its first', async () => {
      const addresses = freeAddresses(site, 190, 6);
      const [alone = '', ...together] = names();
      await site.kubectl(['label', 'node', alone, `${ZONE}=a`]);
      await site.kubectl(['label', 'nodes', ...together, `${ZONE}=b`]);
      await applyManifest(site, poolObject('zoned', { addresses, failback: FAILBACK, spread: { topologyKey: ZONE } }));
      await waitForShares(site, addresses, [2, 2, 2]);
      await waitReady('zoned');
      const zoneOf = (node: string) => (node === alone ? 'a' : 'b');
      for (const nodes of Object.values(await ranksOf('zoned'))) {
        expect(new Set(nodes.slice(0, 2).map(zoneOf)).size).toBe(2);
      }
      const struck = together[0] ?? '';
      const held = [...(await holdersByAddress(site))].filter(([, nodes]) => nodes.includes(struck));
      await site.cluster.inject('ingress-crash', struck);
      await waitFor(
        'its addresses in the other zone',
        async () => {
          const holders = await holdersByAddress(site);
          return held.every(([address]) => holders.get(address)?.join() === alone);
        },
        LIMIT,
      );
    });

    it('leave a node that fails their own health check, and no other pool’s', async () => {
      const [own, common] = [freeAddresses(site, 200, 3), freeAddresses(site, 205, 3)];
      // The kubelet's health stands for any service; the release asks it as well, but counts it five times as patiently.
      const healthCheck = {
        httpGet: { host: '127.0.0.1', port: 10_248, path: '/healthz' },
        ...{ periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 },
      };
      await applyManifest(site, poolObject('own', { addresses: own, failback: FAILBACK, healthCheck }));
      await applyManifest(site, poolObject('common', { addresses: common, failback: FAILBACK }));
      await waitForShares(site, own, [1, 1, 1]);
      const before = await waitForShares(site, common, [1, 1, 1]);
      const [struck = ''] = names();
      await site.cluster.inject('kubelet-stop', struck);
      await waitForShares(site, own, [2, 1], 15_000);
      const after = await holdersByAddress(site);
      expect(own.flatMap((address) => after.get(address) ?? [])).not.toContain(struck);
      for (const address of common) expect(after.get(address)).toEqual(before.get(address));
    });

    it('give up a router id that another router on the network begins to use, and say so', async () => {
      const addresses = freeAddresses(site, 210, 3);
      const [foreignAddress = ''] = freeAddresses(site, 215, 1);
      await applyManifest(site, poolObject('shared', { addresses, failback: FAILBACK }));
      await waitForShares(site, addresses, [1, 1, 1]);
      await waitReady('shared');
      const before = await routerIdsOf('shared');
      const taken = before['shared-0'] ?? 0;
      const clients = site.clients(addresses);
      await clients.start();
      const foreign = await ForeignRouter.start({
        netns: site.cluster.plan.client.netns,
        interface: INTERFACE,
        virtualRouterId: taken,
        address: `${foreignAddress}/24`,
      });
      try {
        const fromMs = monotonicMs();
        await waitFor(
          'another id for the group, on every node',
          async () => {
            const told = (await plansOf('shared')).filter(({ name }) => name === 'shared-0');
            return told.length === names().length && told.every(({ virtualRouterId }) => virtualRouterId !== taken);
          },
          FOREIGN_LIMIT,
        );
        record('a foreign router: from its start to another router id', monotonicMs() - fromMs);
        const after = await routerIdsOf('shared');
        expect(after).toEqual({ ...before, 'shared-0': after['shared-0'] });
        expect(Object.values(before)).not.toContain(after['shared-0']);
        const said = [
          'get',
          'events',
          '-A',
          '--field-selector',
          'reason=ForeignRouter',
          '-o',
          'jsonpath={.items[*].message}',
        ];
        await waitFor(
          'the Event',
          async () => (await site.kubectl(said)).includes(`router id ${taken} is also used`),
          LIMIT,
        );
        await waitReady('shared');
        await waitForShares(site, addresses, [1, 1, 1]);
        record('a foreign router: longest outage of the addresses of its id', await clients.longestOutage(fromMs));
      } finally {
        await clients.stop();
        await foreign.stop();
      }
    });

    interface Plans {
      readonly items: readonly {
        readonly metadata: { readonly name: string };
        readonly spec: { readonly instances: readonly Instance[] };
      }[];
    }

    interface Instance {
      readonly name: string;
      readonly pool: string;
      readonly rank: number;
      readonly virtualRouterId: number;
      readonly peers?: readonly string[];
    }

    async function plansOf(pool: string): Promise<(Required<Instance> & { node: string })[]> {
      const { items } = JSON.parse(await site.kubectl(['get', 'nodeplans', '-o', 'json'])) as Plans;
      return items.flatMap(({ metadata, spec }) =>
        spec.instances
          .filter((instance) => instance.pool === pool)
          .map((instance) => ({ peers: [], ...instance, node: metadata.name })),
      );
    }

    /** By instance its router id. */
    async function routerIdsOf(pool: string): Promise<Record<string, number>> {
      const ids: Record<string, number> = {};
      for (const { name, virtualRouterId } of await plansOf(pool)) ids[name] = virtualRouterId;
      return ids;
    }

    /** By node the names of the nodes that it is told to speak to. */
    async function peersOf(pool: string): Promise<Record<string, string[]>> {
      const nodes = site.cluster.plan.nodes;
      const nameOf = (address: string) => nodes.find(({ ipv4 }) => ipv4 === address)?.name ?? address;
      const plans = await plansOf(pool);
      const told = [...new Set(plans.map(({ node }) => node))].toSorted();
      return Object.fromEntries(
        told.map((node) => {
          const peers = plans.filter((plan) => plan.node === node).flatMap((plan) => plan.peers.map(nameOf));
          return [node, [...new Set(peers)].toSorted()];
        }),
      );
    }

    /** By instance its nodes, the first one first. */
    async function ranksOf(pool: string): Promise<Record<string, string[]>> {
      const ranks: Record<string, string[]> = {};
      for (const { node, name, rank } of await plansOf(pool)) {
        const nodes = ranks[name] ?? [];
        nodes[rank] = node;
        ranks[name] = nodes;
      }
      return ranks;
    }
  });

  describe('a pool of two hundred addresses', repeated, () => {
    const addresses = freeAddresses(site, 40, 200);

    beforeAll(deletePools);

    it('is held by three nodes soon after kubectl apply, and by two soon after one is cut off', async () => {
      const appliedMs = monotonicMs();
      await applyManifest(site, poolObject('many', { addresses, failback: FAILBACK }));
      await waitForShares(site, addresses);
      expect(record('200 addresses: kubectl apply → held', monotonicMs() - appliedMs)).toBeLessThan(45_000);
      await waitForShares(site, addresses, [67, 67, 66]);
      record('200 addresses: kubectl apply → evenly spread', monotonicMs() - appliedMs);
      await waitReady('many');
      const [node = ''] = (await holdersByAddress(site)).get(addresses[0] ?? '') ?? [];
      const cutMs = (await site.cluster.inject('link-cut', node)).injectedAt.monotonicMs;
      try {
        await waitForOthers(node, addresses);
        expect(record('200 addresses: node cut → all held', monotonicMs() - cutMs)).toBeLessThan(5000);
      } finally {
        await site.cluster.heal();
      }
    });
  });
});

describe.skipIf(!site.hasHarness)('an upgrade from one address to pools and back', repeated, () => {
  const pool = freeAddresses(site, 180, 3);
  const clients = site.clients([site.address]);

  afterAll(async () => {
    await clients.stop();
    await helmUninstall(site);
    await deletePools();
  });

  it('keeps the address served, adds the pool, and removes all of it again', async () => {
    await helmInstall(site, { set: ['kind=DaemonSet'], args: ['--wait', '--timeout', '120s'] });
    await waitForHolder(site);
    await clients.start();
    const objects = () => site.kubectl(['get', 'deployments,nodeplans,virtualippools', '-A', '-o', 'name']);
    expect(await objects()).not.toMatch(/controller|nodeplan|virtualippool/);
    const fromMs = monotonicMs();
    const values = { virtualIPPools: { default: { addresses: pool, failback: FAILBACK } } };
    await withValues(values, (file) =>
      helmUpgrade(site, { valuesFiles: [file], args: ['--wait', '--timeout', '120s'] }),
    );
    await waitForShares(site, pool, [1, 1, 1]);
    expect(record('upgrade to pools: longest outage', await clients.longestOutage(fromMs))).toBeLessThan(HAND_OVER_MS);
    const backMs = monotonicMs();
    const address = `keepalived.vipAddressCidr=${site.description.vip}`;
    const before = ['--set', address, '--set', 'kind=DaemonSet', '--wait', '--timeout', '120s'];
    await site.helm(['upgrade', RELEASE, CHART, '-n', NAMESPACE, ...before]);
    await waitGone(site, pool);
    await waitForHolder(site);
    expect(record('upgrade back: longest outage', await clients.longestOutage(backMs))).toBeLessThan(HAND_OVER_MS);
    expect(await objects()).not.toMatch(/controller|nodeplan|virtualippool/);
    const leases = () => site.kubectl(['get', 'leases', '-n', NAMESPACE, '-o', 'name']);
    await waitFor('the lease to go with its pod', async () => (await leases()) === '', LIMIT);
  });
});
