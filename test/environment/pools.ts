import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { API_GROUP } from '../../api/group.ts';
import { withTemporaryFolder } from '../../scripts/support/temporary-folder.ts';
import { waitFor } from '../support/wait.ts';
import type { Site } from './site.ts';

/** A pool as values or a manifest give it. */
export interface PoolSpec {
  readonly addresses?: readonly string[];
  readonly [field: string]: unknown;
}

const SETTLE_LIMIT_MS = 60_000;
const GONE_LIMIT_MS = 90_000;
const PLANS_LIMIT_MS = 120_000;
/** Free addresses of the nodes' network, from its host number `first` on. */
export function freeAddresses(site: Site, first: number, count: number): string[] {
  const network = site.address.replace(/\d+$/, '');
  return Array.from({ length: count }, (_, index) => `${network}${first + index}`);
}

/** Nodes that have each address on an interface now. Own cluster only. @param struck a node that is not looked at */
export async function holdersByAddress(site: Site, struck?: string): Promise<Map<string, string[]>> {
  const holders = new Map<string, string[]>();
  for (const [node, addresses] of Object.entries(await site.cluster.held())) {
    if (node === struck) continue;
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
  site: Site,
  addresses: readonly string[],
  shares?: readonly number[],
  limitMs = SETTLE_LIMIT_MS,
  { struck, everyMs = 50 }: { readonly struck?: string | undefined; readonly everyMs?: number } = {},
): Promise<Map<string, string[]>> {
  let seen = new Map<string, string[]>();
  return waitFor(
    `${addresses.length} addresses on one node each${shares === undefined ? '' : `, in shares of ${shares.join(' + ')}`}`,
    async () => {
      seen = await holdersByAddress(site, struck);
      const single = addresses.every((address) => seen.get(address)?.length === 1);
      const even = shares === undefined || sharesOf(seen, addresses).join() === shares.join();
      return single && even ? seen : undefined;
    },
    { limitMs, everyMs },
    () => {
      const wrong = addresses.filter((address) => seen.get(address)?.length !== 1);
      const told = wrong
        .slice(0, 5)
        .map((address) => `${address} is on ${seen.get(address)?.join(' and ') ?? 'no node'}`);
      return `shares ${sharesOf(seen, addresses).join(' + ')}; ${told.join('; ')}${wrong.length > 5 ? ` and ${wrong.length - 5} more` : ''}`;
    },
  );
}

/** Waits until no node has any of the addresses. */
export async function waitGone(site: Site, addresses: readonly string[], limitMs = GONE_LIMIT_MS): Promise<void> {
  await waitFor(
    `${addresses.length > 5 ? `${addresses.length} addresses` : addresses.join(', ')} to be gone`,
    async () => sharesOf(await holdersByAddress(site), addresses).length === 0,
    { limitMs, everyMs: 100 },
  );
}

/** Writes objects through kubectl. */
export async function applyManifest(site: Site, object: object): Promise<void> {
  await site.kubectl(['apply', '-f', '-'], { input: stringify(object) });
}

/** A pool as an object. */
export function poolObject(name: string, spec: PoolSpec): object {
  return { apiVersion: 'keepalived-ingress-vip.io/v1alpha1', kind: 'VirtualIPPool', metadata: { name }, spec };
}

/** Changes a pool's spec; a field that is null is removed. */
export async function patchPool(site: Site, name: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await site.kubectl(['patch', 'virtualippool', name, '--type=merge', '-p', JSON.stringify({ spec })]);
}

/** Deletes a pool, or with `--all` every one, and waits until it is gone. */
export async function deletePool(site: Site, name: string): Promise<void> {
  await site.kubectl(['delete', 'virtualippools', name, '--timeout=60s'], { timeout: 70_000 });
}

/** Runs something with a values file that exists meanwhile. */
export function withValues<T>(values: object, use: (path: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder(join(tmpdir(), 'values-'), async (folder) => {
    const file = join(folder, 'values.yaml');
    await writeFile(file, stringify(values));
    return use(file);
  });
}

interface ObservedPlans {
  readonly items: readonly { readonly spec: { readonly plan: string }; readonly status?: { observedPlan?: string } }[];
}

/** Waits until every node runs the plan that it was told last. */
export async function waitForNodePlans(site: Site): Promise<void> {
  await waitFor(
    'every node to carry out its plan',
    async () => {
      const { items } = JSON.parse(
        await site.kubectl(['get', `nodeplans.${API_GROUP}`, '-o', 'json']),
      ) as ObservedPlans;
      return items.every(({ spec, status }) => status?.observedPlan === spec.plan);
    },
    { limitMs: PLANS_LIMIT_MS, everyMs: 200 },
  );
}
