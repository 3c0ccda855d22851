import { setTimeout as delay } from 'node:timers/promises';
import { type Clients, longestOf } from '../clients/clients.ts';
import type { ClientKind } from '../clients/prober.ts';
import { applyManifest, freeAddresses, waitForNodePlans, waitGone } from '../environment/pools.ts';
import { waitForHolder } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { monotonicMs } from '../support/clock.ts';
import { ip } from '../support/netns.ts';
import type { WatchedRun } from '../support/undisturbed.ts';
import { waitFor } from '../support/wait.ts';
import { CLOSE_INTERVAL_MS } from './pools-suites.ts';
import type { ServicesSite } from './services-site.ts';
import { API_AWAY_MS } from './services-suites.ts';

/** Host numbers of the nodes' network that no machine has: those of the pool, and how many Services are made, each with another one. */
const FIRST_HOST = 128;
const HOSTS = 64;
const MADE = 60;
/** Of a pool of two nodes. */
const PAIR_HOST = 120;
const LIMIT = { limitMs: 60_000 };
const FAILBACK = { delaySeconds: 2 };

/** Makes a pool whose addresses are in the nodes' network. @param services its field of that name */
export async function makePool(site: Site, services: object = {}): Promise<void> {
  await applyPool(site, 'near', [FIRST_HOST, FIRST_HOST + HOSTS - 1], { services });
}

/**
 * Makes a Service of a pool of two nodes, whose endpoint is on the third: what clients see of a cut is of the address alone.
 * Kubernetes notices only after 40 s that endpoints of a lost node do not answer.
 * @returns its address
 */
export async function makeElsewhere(services: ServicesSite): Promise<string> {
  const { site } = services;
  const [one = '', two = '', third = ''] = site.cluster.nodes;
  const expression = { key: 'kubernetes.io/hostname', operator: 'In', values: [one, two] };
  await applyPool(site, 'pair', [PAIR_HOST, PAIR_HOST], { nodeSelector: { matchExpressions: [expression] } });
  const [address = ''] = freeAddresses(site, PAIR_HOST, 1);
  await services.addEndpoints('elsewhere', { nodes: [third] });
  await services.create('elsewhere', { address });
  await waitForHolder(site, address);
  return address;
}

async function applyPool(site: Site, name: string, hosts: readonly [number, number], spec: object = {}): Promise<void> {
  const [first, last] = hosts.map((host) => freeAddresses(site, host, 1)[0]);
  await applyManifest(site, {
    apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
    kind: 'VirtualIPPool',
    metadata: { name },
    spec: { ranges: [{ first, last }], services: {}, failback: FAILBACK, ...spec },
  });
}

/** An address of the pool that the runs of `create` leave alone. @param number 0 to 3 */
export function steadyAddress(site: Site, number: number): string {
  return freeAddresses(site, FIRST_HOST + MADE + number, 1)[0] ?? '';
}

/** Makes Services one after the other. */
export class Creation {
  readonly #services: ServicesSite;
  #made = 0;

  constructor(services: ServicesSite) {
    this.#services = services;
  }

  /** Makes one, waits until it answers, and deletes it. @returns ms from the request to status, to the address on a node, to an answer */
  async run(): Promise<WatchedRun<number[]>> {
    const services = this.#services;
    const { site } = services;
    const address = freeAddresses(site, FIRST_HOST + (this.#made % MADE), 1)[0] ?? '';
    const name = `made-${this.#made}`;
    this.#made += 1;
    const client = site.prober('regular', { address, intervalMs: CLOSE_INTERVAL_MS, realTime: true });
    const watch = site.cluster.watch();
    try {
      // What the client knows from an earlier Service of this address would lead it to a node that does not have it yet.
      await ip(['neighbour', 'flush', 'to', address], site.cluster.clientNetns('regular'));
      await services.addEndpoints(name);
      await client.start();
      const fromMs = monotonicMs();
      await services.create(name, { address });
      const published = await waitFor(`an address of ${name}`, () => services.published(name), {
        ...LIMIT,
        everyMs: 5,
      });
      const answered = () => client.attempts(address).find(({ ok }) => ok)?.endMs;
      const answeredMs = await waitFor(`an answer from ${address}`, answered, { ...LIMIT, everyMs: 20 });
      const held = () => watch.changes(address, fromMs).find(({ added }) => added)?.atMs;
      const heldMs = await waitFor(`${address} on a node`, held, LIMIT);
      await services.delete(name);
      await waitGone(site, [address]);
      const figures = [published.atMs - fromMs, heldMs - fromMs, answeredMs - fromMs];
      return { run: figures, failings: [{ fromMs, toMs: answeredMs }] };
    } finally {
      watch.stop();
      await client.stop();
    }
  }
}

/** One address that is asked all the time, and what becomes of it. */
export class SteadyService {
  readonly #site: Site;
  readonly #address: string;
  readonly #clients: Clients;

  constructor(site: Site, address: string, { kind = 'regular', intervalMs = CLOSE_INTERVAL_MS }: SteadyOptions = {}) {
    this.#site = site;
    this.#address = address;
    const cadence = { intervalMs, realTime: true };
    this.#clients = site.cluster.clients(kind, [address], cadence);
  }

  /** Begins to ask, and waits for an answer. */
  async start(): Promise<void> {
    await this.#clients.start();
  }

  async stop(): Promise<void> {
    await this.#clients.stop();
  }

  /** Waits until one node has the address, every node runs its plan, and service is steady. @returns the node */
  async calm(): Promise<string> {
    await waitForNodePlans(this.#site);
    await this.#clients.longestOutage(monotonicMs());
    return waitForHolder(this.#site, this.#address);
  }

  /** Cuts the holder off, and repairs it. @returns the longest outage in ms until the repair, and since */
  async cut(): Promise<WatchedRun<number[]>> {
    const holder = await this.calm();
    const watch = this.#site.cluster.watch();
    try {
      await delay(Math.random() * 200); // faults come at any moment of the advertisement interval
      const { injectedAt } = await this.#site.cluster.inject('link-cut', holder);
      const cutMs = injectedAt.monotonicMs;
      await this.#elsewhere(watch, cutMs, holder);
      await this.#clients.longestOutage(cutMs);
      const outages = this.#clients.outages(cutMs);
      const healMs = monotonicMs();
      await this.#site.cluster.heal();
      await waitForHolder(this.#site, this.#address);
      await delay(1000 * FAILBACK.delaySeconds);
      await this.calm();
      const healOutages = this.#clients.outages(healMs);
      return { run: [longestOf(outages), longestOf(healOutages)], failings: [...outages, ...healOutages] };
    } finally {
      watch.stop();
    }
  }

  /** Takes the API server away for a while. @returns how many attempts failed, until it was back */
  async withoutApi(): Promise<WatchedRun<number[]>> {
    const holder = await this.calm();
    const { injectedAt } = await this.#site.cluster.inject('apiserver-stop', holder);
    await delay(API_AWAY_MS);
    await this.#site.cluster.heal();
    const outages = this.#clients.outages(injectedAt.monotonicMs);
    const failed = outages.reduce((sum, { failedAttempts }) => sum + failedAttempts, 0);
    return { run: [failed], failings: outages };
  }

  /** Does something that strikes the holder's pods. @returns the outages since it began, once service is steady */
  async during(act: (holder: string) => Promise<unknown>, settled?: (holder: string) => Promise<unknown>) {
    const holder = await this.calm();
    const fromMs = monotonicMs();
    await act(holder);
    await settled?.(holder);
    await this.#clients.longestOutage(fromMs);
    return { outages: this.#clients.outages(fromMs), tookMs: monotonicMs() - fromMs };
  }

  async #elsewhere(watch: ReturnType<Site['cluster']['watch']>, sinceMs: number, from: string): Promise<void> {
    const came = () => watch.arrivals(this.#address, sinceMs, from).length > 0;
    await waitFor(`${this.#address} on another node than ${from}`, came, LIMIT);
  }
}

/** How an address is asked. */
interface SteadyOptions {
  readonly kind?: ClientKind;
  readonly intervalMs?: number;
}

/** Makes a Service that stays, with the ingress of all nodes as endpoints. */
export async function makeSteady(services: ServicesSite, name: string, address: string): Promise<void> {
  await services.addEndpoints(name);
  await services.create(name, { address });
  await waitForHolder(services.site, address);
}
