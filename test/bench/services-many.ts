import { readFileSync } from 'node:fs';
import { bulkhead } from 'cockatiel';
import { RollCall } from '../clients/roll-call.ts';
import { clusterCgroup } from '../cluster/state.ts';
import { pidsOnMachine } from '../cluster/status.ts';
import { applyManifest, holdersByAddress, sharesOf, waitForNodePlans, waitForShares } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import type { AddressWatch } from '../support/address-watch.ts';
import { monotonicMs } from '../support/clock.ts';
import { INTERFACE, ip } from '../support/netns.ts';
import { namedProcesses } from '../support/processes.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import type { ServicesSite } from './services-site.ts';
import { ENDPOINTS, GIVEN_BACK, RIVALS } from './services-suites.ts';

/** A network for thousands of addresses, which has no other machine. Each is on a node by itself, without a subnet. */
const NETWORK = '10.78.0.0/16';
const RANGE = { cidr: '10.78.0.0/18', prefixLength: 32 };
const LIMIT = { limitMs: 240_000, everyMs: 20 };
const SHARES_LIMIT = 240_000;
const FAILBACK = { delaySeconds: 2 };
const KIBIBYTES_OF_MEBIBYTE = 1024;

/** Requests that are under way at the same time. */
function atOnce() {
  return bulkhead(20, Number.POSITIVE_INFINITY);
}

function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<unknown> {
  const limit = atOnce();
  return Promise.all(items.map((item) => limit.execute(() => act(item))));
}

/** Makes a pool of thousands of addresses, and lets clients find them. */
export async function makeWidePool(site: Site): Promise<void> {
  await applyManifest(site, {
    apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
    kind: 'VirtualIPPool',
    metadata: { name: 'wide' },
    spec: { ranges: [RANGE], services: {}, interface: INTERFACE, failback: FAILBACK },
  });
  await letClientsFindIt(site);
}

/** The addresses are in no subnet of the clients. */
export async function letClientsFindIt(site: Site): Promise<void> {
  for (const kind of ['regular', 'newcomer'] as const) {
    await ip(['route', 'replace', NETWORK, 'dev', INTERFACE], site.cluster.clientNetns(kind));
  }
}

/** Names of Services: `<prefix>-0` and so on. */
function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** The controller that uses most memory: the one that leads plans. In MiB. */
async function controllerMemory(site: Site): Promise<number> {
  const pids = await Promise.all(
    site.cluster.nodes.map((node) => pidsOnMachine(clusterCgroup(site.cluster.name), node)),
  );
  const controllers = namedProcesses(pids.flat()).filter(({ commandLine }) =>
    commandLine.includes('/app/controller.cjs'),
  );
  const resident = controllers.map(({ pid }) => {
    const [, kibibytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes) / KIBIBYTES_OF_MEBIBYTE;
  });
  return Math.max(0, ...resident);
}

/** Many Services of a wide pool. */
export class ManyServices {
  readonly #services: ServicesSite;
  readonly #count: number;
  #more = 0;

  constructor(services: ServicesSite, count: number) {
    this.#services = services;
    this.#count = count;
  }

  get #site(): Site {
    return this.#services.site;
  }

  /** Makes all at once. @returns seconds until all have their addresses in their status, and until all answer; memory in MiB */
  async make(): Promise<WatchedRun<number[]>> {
    const services = this.#services;
    const all = names('many', this.#count);
    await each(all, (name) => services.addEndpoints(name, { silent: ENDPOINTS - this.#site.cluster.nodes.length }));
    const rollCall = new RollCall(this.#site.cluster.clientNetns('regular'));
    try {
      const fromMs = monotonicMs();
      const made = each(all, (name) => services.create(name));
      made.catch(() => undefined); // looked at below
      const ask = () => {
        rollCall.ask([...services.allPublished.values()].map(({ address }) => address));
        return services.allPublished.size >= this.#count;
      };
      const missing = () => `${services.allPublished.size} have one, ${rollCall.heard.size} answer`;
      await waitFor('an address of every Service', ask, LIMIT, missing);
      await made;
      await waitFor('an answer of every Service', () => rollCall.heard.size >= this.#count, LIMIT, missing);
      const publishedMs = Math.max(...[...services.allPublished.values()].map(({ atMs }) => atMs)) - fromMs;
      const answeredMs = Math.max(...rollCall.heard.values()) - fromMs;
      const memory = await controllerMemory(this.#site);
      return { run: [publishedMs / 1000, answeredMs / 1000, memory], failings: [] };
    } finally {
      rollCall.stop();
    }
  }

  /** Makes them, unless they are there. */
  async ensure(): Promise<void> {
    if (this.#services.allPublished.size !== this.#count) {
      await this.clear();
      await this.make();
    }
    await this.#calm();
  }

  async clear(): Promise<void> {
    await this.#services.deleteAll();
    await waitFor(
      'the addresses to be gone',
      async () => [...(await holdersByAddress(this.#site)).keys()].every((address) => !address.startsWith('10.78.')),
      { limitMs: SHARES_LIMIT, everyMs: 500 },
    );
  }

  /** Cuts a node off. @returns ms until the first and the last of its addresses are on others */
  async cut(): Promise<WatchedRun<number[]>> {
    const holders = await this.#calm();
    const [node = ''] = [...holders.values()].flat();
    const all = this.#addresses();
    const share = all.filter((address) => holders.get(address)?.includes(node));
    const watch = this.#site.cluster.watch();
    try {
      const { injectedAt } = await this.#site.cluster.inject('link-cut', node);
      const cutMs = injectedAt.monotonicMs;
      const times = await this.#takenOver(watch, share, cutMs, node);
      const [first, last] = [Math.min(...times), Math.max(...times)];
      await this.#site.cluster.heal();
      // What comes back to its node later would count as moves of the next cut.
      await waitForShares(this.#site, all, sharesOf(holders, all), SHARES_LIMIT, { everyMs: 500 });
      return { run: [first - cutMs, last - cutMs], failings: [{ fromMs: cutMs, toMs: last }] };
    } finally {
      watch.stop();
    }
  }

  /** Makes one Service more, and deletes it. @returns ms until a node has its address; how many of the others left a node meanwhile */
  async oneMore(): Promise<WatchedRun<number[]>> {
    const before = await this.#calm();
    const all = this.#addresses();
    const watch = this.#site.cluster.watch();
    const name = `more-${this.#more}`;
    this.#more += 1;
    try {
      const fromMs = monotonicMs();
      await this.#services.create(name);
      const { address } = await waitFor(`an address of ${name}`, () => this.#services.published(name), LIMIT);
      const held = () => watch.changes(address, fromMs).find(({ added }) => added)?.atMs;
      const heldMs = await waitFor(`${address} on a node`, held, LIMIT);
      await waitForNodePlans(this.#site);
      const lost = all.filter((each) => watch.changes(each, fromMs).some(({ added }) => !added));
      await this.#services.delete(name);
      await waitFor('its end', () => this.#services.published(name) === undefined, LIMIT);
      const moved = lost.length > 0 ? [{ fromMs, toMs: monotonicMs() }] : [];
      return { run: [heldMs - fromMs, lost.filter((each) => before.has(each)).length], failings: moved };
    } finally {
      watch.stop();
    }
  }

  #addresses(): string[] {
    return [...this.#services.allPublished.values()].map(({ address }) => address);
  }

  /** Waits until each address is on one node, and the nodes run their plans. */
  async #calm(): Promise<Map<string, string[]>> {
    await waitForNodePlans(this.#site);
    return waitForShares(this.#site, this.#addresses(), undefined, SHARES_LIMIT, { everyMs: 500 });
  }

  #takenOver(watch: AddressWatch, share: readonly string[], sinceMs: number, from: string): Promise<number[]> {
    return waitFor(
      `the ${share.length} addresses of ${from} on other nodes`,
      () => {
        const taken = share.flatMap((address) => watch.arrivals(address, sinceMs, from)[0]?.atMs ?? []);
        return taken.length === share.length ? taken : undefined;
      },
      { limitMs: 60_000, everyMs: 100 },
    );
  }
}

async function killControllers(site: Site): Promise<void> {
  for (const node of site.cluster.nodes) {
    await site.cluster.inject('controller-kill', node).catch(() => undefined); // it runs on two of the nodes
  }
  await site.cluster.heal();
}

/**
 * Deletes Services and makes them anew under their names, in another order, while others ask for addresses and controllers are killed.
 * @returns how many have another address than before
 */
export async function giveBack(services: ServicesSite): Promise<WatchedRun<number[]>> {
  const { site } = services;
  const all = names('sticky', GIVEN_BACK);
  const rivals = names('rival', RIVALS);
  const published = (wanted: readonly string[]) => () => wanted.every((name) => services.published(name) !== undefined);
  await each(all, (name) => services.create(name));
  await waitFor('an address of every Service', published(all), LIMIT);
  const before = new Map(all.map((name) => [name, services.published(name)?.address]));
  const kill = killControllers(site);
  await each(all, (name) => services.delete(name));
  await each(rivals, (name) => services.create(name));
  await waitFor('every Service to be gone', () => all.every((name) => services.published(name) === undefined), LIMIT);
  await kill;
  const again = killControllers(site);
  await each(all.toReversed(), (name) => services.create(name));
  await again;
  await waitFor('an address of every Service', published([...all, ...rivals]), LIMIT);
  const others = all.filter((name) => services.published(name)?.address !== before.get(name));
  await services.deleteAll();
  return { run: [others.length], failings: [] };
}
