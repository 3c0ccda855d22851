import { setTimeout as delay } from 'node:timers/promises';
import { type Clients, longestOf } from '../clients/clients.ts';
import type { Outage } from '../clients/outages.ts';
import type { ClusterFaultName } from '../cluster/fault-names.ts';
import {
  applyManifest,
  deletePool,
  freeAddresses,
  holdersByAddress,
  patchPool,
  poolObject,
  sharesOf,
  waitForNodePlans,
  waitForShares,
  waitGone,
  withValues,
} from '../environment/pools.ts';
import { CHART, helmInstall, helmUpgrade, NAMESPACE, RELEASE, waitForHolder } from '../environment/release.ts';
import { PROBE_INTERVAL_MS, type Site } from '../environment/site.ts';
import type { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import type { PoolFaultRun } from './pools-report.ts';
import { CLOSE_INTERVAL_MS, SHARES } from './pools-suites.ts';

/** A node that returns is trusted sooner than by default, so that runs need not wait. */
const FAILBACK = { delaySeconds: 2 };
const SIX = 'six';
const MANY = 'many';
const MANY_SHARES = [67, 67, 66];
/** Host numbers in the nodes' network that no machine has. */
const FIRST_HOST = { six: 150, extra: 160, upgrade: 180, many: 40 } as const;
/** As many addresses to add take turns: one that was asked not long ago may still have an entry in the client's neighbour table. */
const EXTRA_ADDRESSES = 10;
const READY_ARGS = ['--wait', '--timeout', '120s'];
const CALM_LIMIT_MS = 120_000;
const SHARES_LIMIT_MS = 30_000;
const HEAL_LIMIT_MS = 120_000;

/** Waits until the pool is Ready and every node runs the plan that it was told last. */
async function waitForPlans(site: Site, pool: string): Promise<void> {
  await site.kubectl(['wait', '--for=condition=Ready', `virtualippool/${pool}`, `--timeout=${CALM_LIMIT_MS / 1000}s`], {
    timeout: CALM_LIMIT_MS + 10_000,
  });
  await waitForNodePlans(site);
}

/** Installs the chart with the controller and no single address; pools come by kubectl. @param set further `key=value` */
export async function installForPools(site: Site, set: readonly string[] = []): Promise<void> {
  await helmInstall(site, { set: ['keepalived.vipAddressCidr=', 'controller.enabled=true', ...set], args: READY_ARGS });
}

/** A pool of six addresses on three nodes, each asked all the time. */
export class SixAddresses {
  readonly #site: Site;
  readonly #addresses: readonly string[];
  readonly #clients: Clients;

  /** @param site an own cluster, on which `installForPools` has been */
  constructor(site: Site) {
    this.#site = site;
    this.#addresses = freeAddresses(site, FIRST_HOST.six, 6);
    this.#clients = site.clients(this.#addresses, { realTime: true });
  }

  /** Makes the pool, and waits until its addresses answer. */
  async start(): Promise<void> {
    await applyManifest(this.#site, poolObject(SIX, { addresses: this.#addresses, failback: FAILBACK }));
    await waitForShares(this.#site, this.#addresses, SHARES.whole);
    await this.#clients.start();
  }

  /** Ends the clients; the pool stays. */
  async stop(): Promise<void> {
    await this.#clients.stop();
  }

  /**
   * Strikes one node, looks how the others share its addresses, repairs it, and waits until it has its share again.
   * @param run its number from 0: runs take the addresses' holders in turn
   * @throws Error when there is no peace to begin with
   */
  async fault(fault: ClusterFaultName, run: number): Promise<WatchedRun<PoolFaultRun>> {
    const node = await this.#calm(run);
    const struck = await this.#addressesOf(node);
    const closely = this.#site.clients(struck, { intervalMs: CLOSE_INTERVAL_MS, realTime: true });
    const watch = this.#site.cluster.watch();
    try {
      await closely.start();
      await delay(Math.random() * 200); // faults come at any moment of the advertisement interval
      const sinceMs = monotonicMs();
      const { injectedAt } = await this.#site.cluster.inject(fault, node);
      await this.#elsewhere(watch, struck, node, sinceMs);
      const shares = await this.#shares(SHARES.without, SHARES_LIMIT_MS, node);
      const outages = await this.#outagesSince(injectedAt.monotonicMs, struck, closely);
      const healMs = monotonicMs();
      await this.#site.cluster.heal();
      const healedShares = await this.#shares(SHARES.whole, HEAL_LIMIT_MS);
      const healOutages = await this.#outagesSince(healMs, struck, closely);
      const [outageMs, healOutageMs] = [longestOf(outages), longestOf(healOutages)];
      return { run: { node, outageMs, shares, healOutageMs, healedShares }, failings: [...outages, ...healOutages] };
    } finally {
      watch.stop();
      await closely.stop();
    }
  }

  /** Waits until the kernel told that each address came to another node, or no longer; asking the nodes meanwhile would take the time of a core. */
  async #elsewhere(watch: AddressWatch, addresses: readonly string[], from: string, sinceMs: number): Promise<void> {
    const came = (address: string) => watch.arrivals(address, sinceMs, from).length > 0;
    await waitFor('the addresses elsewhere', () => addresses.every(came), {
      limitMs: SHARES_LIMIT_MS,
      everyMs: 20,
    }).catch(() => undefined); // what came of it is looked at next
  }

  /**
   * Adds an address to the pool and removes it again.
   * @param run its number from 0
   * @returns milliseconds from the start of `kubectl patch` to the first answer; the longest outage of the other addresses
   */
  async edit(run: number): Promise<WatchedRun<number[]>> {
    await this.#calm(run);
    const [extra = ''] = freeAddresses(this.#site, FIRST_HOST.extra + (run % EXTRA_ADDRESSES), 1);
    const client = this.#site.prober('regular', { address: extra, intervalMs: PROBE_INTERVAL_MS, realTime: true });
    await client.start();
    try {
      const fromMs = monotonicMs();
      await patchPool(this.#site, SIX, { addresses: [...this.#addresses, extra] });
      const answeredMs = await waitFor(
        `an answer from ${extra}`,
        () => client.attempts(extra).find(({ ok }) => ok)?.endMs,
        { limitMs: SHARES_LIMIT_MS },
      );
      await patchPool(this.#site, SIX, { addresses: this.#addresses });
      await waitGone(this.#site, [extra]);
      const figures = [answeredMs - fromMs, await this.#clients.longestOutage(fromMs)];
      return { run: figures, failings: this.#clients.outages(fromMs) };
    } finally {
      await client.stop();
    }
  }

  /** Once service is steady, the times without it since then: of the struck node's addresses as closely as that client looks. */
  async #outagesSince(sinceMs: number, struck: readonly string[], closely: Clients): Promise<Outage[]> {
    await this.#clients.longestOutage(sinceMs);
    await closely.longestOutage(sinceMs);
    const others = this.#addresses.filter((address) => !struck.includes(address));
    return [...closely.outages(sinceMs), ...others.flatMap((address) => this.#clients.outages(sinceMs, { address }))];
  }

  async #addressesOf(node: string): Promise<string[]> {
    const holders = await holdersByAddress(this.#site);
    return this.#addresses.filter((address) => holders.get(address)?.includes(node));
  }

  /** Waits until all is even, planned and served; gives a node that holds addresses. */
  async #calm(run: number): Promise<string> {
    await waitForShares(this.#site, this.#addresses, SHARES.whole, CALM_LIMIT_MS);
    await waitForPlans(this.#site, SIX);
    await this.#clients.longestOutage(monotonicMs());
    const address = this.#addresses[run % this.#addresses.length] ?? '';
    const [node] = (await holdersByAddress(this.#site)).get(address) ?? [];
    if (node === undefined) throw new Error(`no node holds ${address}, though all was calm`);
    return node;
  }

  /** Waits for the shares, but not for ever: gives those that there are in the end. A node that is struck may keep what it had. */
  async #shares(wanted: readonly number[], limitMs: number, struck?: string): Promise<number[]> {
    const how = { struck, everyMs: 250 };
    await waitForShares(this.#site, this.#addresses, wanted, limitMs, how).catch(() => undefined);
    return sharesOf(await holdersByAddress(this.#site, struck), this.#addresses);
  }
}

/**
 * Makes a pool of 200 addresses, cuts a node off, and removes all of it again. Needs `installForPools`.
 * @returns milliseconds from the start of `kubectl apply` to each address on one node; from the cut to the node's share on others
 */
export async function measureMany(site: Site): Promise<WatchedRun<number[]>> {
  const addresses = freeAddresses(site, FIRST_HOST.many, 200);
  const watch = site.cluster.watch();
  try {
    const appliedMs = monotonicMs();
    await applyManifest(site, poolObject(MANY, { addresses, failback: FAILBACK }));
    await waitForShares(site, addresses);
    const heldAfterMs = monotonicMs() - appliedMs;
    await waitForShares(site, addresses, MANY_SHARES, CALM_LIMIT_MS);
    await waitForPlans(site, MANY);
    const movedAfterMs = await cutAndWait(site, addresses, watch);
    await site.cluster.heal();
    await deletePool(site, MANY);
    await waitGone(site, addresses);
    return { run: [heldAfterMs, movedAfterMs], failings: [] };
  } finally {
    watch.stop();
  }
}

/** Cuts off a node; gives the milliseconds until the kernel has told of its last address on another node. */
async function cutAndWait(site: Site, addresses: readonly string[], watch: AddressWatch): Promise<number> {
  const holders = await holdersByAddress(site);
  const [node = ''] = holders.get(addresses[0] ?? '') ?? [];
  const share = addresses.filter((address) => holders.get(address)?.includes(node));
  const { injectedAt } = await site.cluster.inject('link-cut', node);
  const cutMs = injectedAt.monotonicMs;
  const takenMs = (address: string) => watch.arrivals(address, cutMs, node)[0]?.atMs;
  const times = await waitFor(
    `the ${share.length} addresses of ${node} on other nodes`,
    () => {
      const taken = share.flatMap((address) => takenMs(address) ?? []);
      return taken.length === share.length ? taken : undefined;
    },
    { limitMs: SHARES_LIMIT_MS, everyMs: 100 },
  );
  return Math.max(...times) - cutMs;
}

/** A release with the single address, which is upgraded to pools besides and back. */
export class Upgrade {
  readonly #site: Site;
  readonly #addresses: readonly string[];
  readonly #clients: Clients;

  constructor(site: Site) {
    this.#site = site;
    this.#addresses = freeAddresses(site, FIRST_HOST.upgrade, 3);
    this.#clients = site.clients([site.address], { realTime: true });
  }

  /** Installs the release, and waits until the single address answers. */
  async start(): Promise<void> {
    await helmInstall(this.#site, { set: ['kind=DaemonSet'], args: READY_ARGS });
    await waitForHolder(this.#site);
    await this.#clients.start();
  }

  /** Ends the client; the release stays. */
  async stop(): Promise<void> {
    await this.#clients.stop();
  }

  /** Upgrades and goes back. @returns the single address's longest outage of each, in milliseconds */
  async run(): Promise<WatchedRun<number[]>> {
    await this.#clients.longestOutage(monotonicMs());
    const fromMs = monotonicMs();
    const figures = [await this.#toPools(), await this.#back()];
    return { run: figures, failings: this.#clients.outages(fromMs) };
  }

  async #toPools(): Promise<number> {
    const fromMs = monotonicMs();
    const values = { virtualIPPools: { default: { addresses: this.#addresses, failback: FAILBACK } } };
    await withValues(values, (file) => helmUpgrade(this.#site, { valuesFiles: [file], args: READY_ARGS }));
    await waitForShares(this.#site, this.#addresses, [1, 1, 1]);
    await waitForHolder(this.#site);
    return this.#clients.longestOutage(fromMs);
  }

  async #back(): Promise<number> {
    const fromMs = monotonicMs();
    // Not `helmUpgrade`, which keeps the values of before: the pools are to go.
    const set = ['--set', `keepalived.vipAddressCidr=${this.#site.description.vip}`, '--set', 'kind=DaemonSet'];
    await this.#site.helm(['upgrade', RELEASE, CHART, '-n', NAMESPACE, ...set, ...READY_ARGS]);
    await waitGone(this.#site, this.#addresses);
    await waitForHolder(this.#site);
    return this.#clients.longestOutage(fromMs);
  }
}
