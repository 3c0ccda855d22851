import { type IngressService, ingressService } from '../environment/ingress-service.ts';
import { applyManifest, freeAddresses } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { waitFor } from '../support/wait.ts';

/** Where the Services are. */
export const NAMESPACE = 'shop';
/** Host numbers of addresses that no machine has. */
const [FIRST_OF_USUAL, FIRST_OF_SECOND, IN_SECOND] = [160, 180, 6];
const ASKED_FOR = 171;
const PLAIN = 6;
const TYPE = { type: 'LoadBalancer' };
const LIMIT = { limitMs: 90_000, everyMs: 200 };

/** MetalLB's pools: one for all, as a subnet, and one for those that name it, as two ends. */
export function metalLbPools(site: Site): Record<string, object> {
  const ends = freeAddresses(site, FIRST_OF_SECOND, IN_SECOND);
  return {
    usual: { addresses: [`${freeAddresses(site, FIRST_OF_USUAL, 1)[0]}/28`] },
    second: { addresses: [`${ends[0]}-${ends.at(-1)}`], autoAssign: false },
  };
}

/** Services of the kinds that MetalLB knows: of the usual pool, by address, by pool, two that share, and one that its own node alone may answer for. */
function wanted(site: Site): IngressService[] {
  const asked = freeAddresses(site, ASKED_FOR, 1)[0] ?? '';
  const service = (name: string, annotations: Record<string, string> = {}, more: object = {}, port = 80) => ({
    name,
    namespace: NAMESPACE,
    annotations,
    spec: { ...TYPE, ...more },
    port,
  });
  const sharing = { 'metallb.io/allow-shared-ip': 'one' };
  return [
    ...Array.from({ length: PLAIN }, (_, number) => service(`plain-${number}`)),
    service('asks', { 'metallb.io/loadBalancerIPs': asked }),
    service('of-second', { 'metallb.io/address-pool': 'second' }),
    service('shares', sharing),
    service('shares-too', sharing, {}, 8080),
    service('local', {}, { externalTrafficPolicy: 'Local' }),
  ];
}

/** Addresses of Services, by their names. */
export type Addresses = ReadonlyMap<string, string>;

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string }[] } };
  }[];
}

/** What Services publish now; '' for one that publishes nothing. */
export async function addressesNow(site: Site): Promise<Addresses> {
  const { items } = JSON.parse(await site.kubectl(['get', 'services', '-n', NAMESPACE, '-o', 'json'])) as Listed;
  return new Map(
    items.map(({ metadata, status }) => [
      metadata.name,
      (status.loadBalancer.ingress ?? []).map(({ ip }) => ip).join(','),
    ]),
  );
}

/** Waits until every Service publishes an address, and gives them. */
export async function waitForAddresses(site: Site): Promise<Addresses> {
  let seen: Addresses = new Map();
  return waitFor(
    'every Service to publish an address',
    async () => {
      seen = await addressesNow(site);
      return ![...seen.values()].includes('') && seen;
    },
    LIMIT,
    () => `without one: ${namesWithout(seen).join(', ')}`,
  );
}

function namesWithout(addresses: Addresses): string[] {
  return [...addresses].filter(([, address]) => address === '').map(([name]) => name);
}

/** Makes the Services, of the ingress of every node but for the one that its own node alone may answer for: that is of the first. */
export async function createServices(site: Site): Promise<Addresses> {
  const { nodes } = site.cluster.plan;
  await site.kubectl(['create', 'namespace', NAMESPACE]);
  for (const service of wanted(site)) {
    const items = ingressService(service.name === 'local' ? nodes.slice(0, 1) : nodes, service);
    await applyManifest(site, { apiVersion: 'v1', kind: 'List', items });
  }
  return waitForAddresses(site);
}

/** Services that publish something else than before, in words. Pure. */
export function renumbered(before: Addresses, after: Addresses): string[] {
  return [...before]
    .filter(([name, address]) => after.get(name) !== address)
    .map(([name, address]) => `${name} had ${address} and has ${after.get(name) || 'none'}`);
}
