import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findOutages, type Outage } from '../clients/outages.ts';
import type { ClientKind, Prober, ProberOptions } from '../clients/prober.ts';
import type { ClusterState } from '../cluster/state.ts';
import { addressesByNode } from '../cluster/status.ts';
import { monotonicMs } from '../support/clock.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { waitFor } from '../support/wait.ts';

/** A cluster with pools on it, and clients beside it. */
export interface PoolSite {
  readonly kubectl: Kubectl;
  /** A free address in the nodes' network, without prefix length. */
  readonly address: string;
  /** The state of the project's own cluster. @throws Error on another. */
  harness(): ClusterState;
  /** A client that does not run yet. */
  prober(kind: ClientKind, options: { readonly addresses: readonly string[] } & PoolCadence): Prober;
}

/** How clients ask: the time from one attempt at an address to the next, and with what priority they run. */
type PoolCadence = Pick<ProberOptions, 'intervalMs' | 'realTime'>;

/** A pool as values or a manifest give it. */
export interface PoolSpec {
  readonly addresses: readonly string[];
  readonly [field: string]: unknown;
}

const SETTLE_LIMIT_MS = 60_000;
/** Between two attempts at one address: many addresses are asked at the same time. */
export const PROBE_INTERVAL_MS = 20;

/** Free addresses of the nodes' network, from its host number `first` on. */
export function freeAddresses(site: PoolSite, first: number, count: number): string[] {
  const network = site.address.replace(/\d+$/, '');
  return Array.from({ length: count }, (_, index) => `${network}${first + index}`);
}

/** Nodes that have each address on an interface now. Own cluster only. */
export async function holdersByAddress(site: PoolSite): Promise<Map<string, string[]>> {
  const holders = new Map<string, string[]>();
  for (const [node, addresses] of Object.entries(await addressesByNode(site.harness()))) {
    for (const address of addresses) holders.set(address, [...(holders.get(address) ?? []), node]);
  }
  return holders;
}

/** How many of the addresses each node holds. */
export function sharesOf(holders: ReadonlyMap<string, readonly string[]>, addresses: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const node of addresses.flatMap((address) => holders.get(address) ?? [])) {
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return [...counts.values()].toSorted((a, b) => b - a);
}

/** Waits until each address is on exactly one node, and as evenly as asked for (largest share first); gives the holders. */
export async function waitForShares(
  site: PoolSite,
  addresses: readonly string[],
  shares?: readonly number[],
  limitMs = SETTLE_LIMIT_MS,
): Promise<Map<string, string[]>> {
  let seen = new Map<string, string[]>();
  return waitFor(
    `${addresses.length} addresses on one node each${shares === undefined ? '' : `, in shares of ${shares.join(' + ')}`}`,
    async () => {
      seen = await holdersByAddress(site);
      const single = addresses.every((address) => seen.get(address)?.length === 1);
      const even = shares === undefined || sharesOf(seen, addresses).join() === shares.join();
      return single && even ? seen : undefined;
    },
    { limitMs, everyMs: 50 },
    () => {
      const wrong = addresses.filter((address) => seen.get(address)?.length !== 1);
      const told = wrong
        .slice(0, 5)
        .map((address) => `${address} is on ${seen.get(address)?.join(' and ') ?? 'no node'}`);
      return `shares ${sharesOf(seen, addresses).join(' + ')}; ${told.join('; ')}${wrong.length > 5 ? ` and ${wrong.length - 5} more` : ''}`;
    },
  );
}

/** Writes objects through kubectl. */
export async function applyManifest(site: PoolSite, object: object): Promise<void> {
  await withFile('manifest.yaml', stringify(object), (path) => site.kubectl(['apply', '-f', path]));
}

/** A pool as an object. */
export function poolObject(name: string, spec: PoolSpec): object {
  return { apiVersion: 'keepalived-ingress-vip.io/v1alpha1', kind: 'VirtualIPPool', metadata: { name }, spec };
}

/** Changes a pool's spec; a field that is null is removed. */
export async function patchPool(site: PoolSite, name: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await site.kubectl(['patch', 'virtualippool', name, '--type=merge', '-p', JSON.stringify({ spec })]);
}

/** Runs something with a values file that exists meanwhile. */
export function withValues<T>(values: object, use: (path: string) => Promise<T>): Promise<T> {
  return withFile('values.yaml', stringify(values), use);
}

async function withFile<T>(name: string, text: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pools-'));
  try {
    const path = join(folder, name);
    await writeFile(path, text);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Clients outside the cluster that ask many addresses at the same time. */
export class PoolClients {
  readonly #site: PoolSite;
  readonly #addresses: readonly string[];
  readonly #cadence: PoolCadence;
  #prober: Prober | undefined;

  /** @param cadence by default one attempt at each address every PROBE_INTERVAL_MS, without real-time priority */
  constructor(site: PoolSite, addresses: readonly string[], cadence: PoolCadence = {}) {
    this.#site = site;
    this.#addresses = addresses;
    this.#cadence = { intervalMs: PROBE_INTERVAL_MS, ...cadence };
  }

  /** Begins, and waits until every address has answered. */
  async start(): Promise<void> {
    const prober = this.#site.prober('regular', { addresses: this.#addresses, ...this.#cadence });
    this.#prober = prober;
    await prober.start();
    await waitFor(
      'an answer from every address',
      () => this.#addresses.every((address) => prober.attempts(address).some(({ ok }) => ok)),
      { limitMs: SETTLE_LIMIT_MS, everyMs: 50 },
      () =>
        this.#addresses
          .filter((address) => !prober.attempts(address).some(({ ok }) => ok))
          .map((address) => `${address}: ${prober.attempts(address).at(-1)?.who}`)
          .slice(0, 5)
          .join('; '),
    );
  }

  async stop(): Promise<void> {
    await this.#prober?.stop();
  }

  /** Times without service since then, of one address or of all. */
  outages(sinceMs: number, address?: string): Outage[] {
    const addresses = address === undefined ? this.#addresses : [address];
    // The last success before belongs to an outage.
    return addresses.flatMap((each) => findOutages(this.#prober?.attempts(each, sinceMs - 100) ?? []));
  }

  /** Waits until every address has answered without a failure for half a second; gives the longest outage since then, in ms. */
  async longestOutage(sinceMs: number): Promise<number> {
    const fromMs = monotonicMs();
    await waitFor('steady service', () => this.#quietSince(fromMs), { limitMs: SETTLE_LIMIT_MS, everyMs: 50 });
    return Math.max(0, ...this.outages(sinceMs).map(({ durationMs }) => durationMs));
  }

  #quietSince(fromMs: number): boolean {
    const nowMs = monotonicMs();
    if (nowMs - fromMs < 500) return false;
    return this.#addresses.every((address) => {
      const attempts = this.#prober?.attempts(address, nowMs - 500) ?? [];
      return attempts.length > 0 && attempts.every(({ ok }) => ok);
    });
  }
}
