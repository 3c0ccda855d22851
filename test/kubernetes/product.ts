import { applyManifest, freeAddresses, type PoolSpec, poolObject } from '../environment/pools.ts';
import { helmInstall, waitForPods } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { NODES_AS, ROUTERS_AS } from '../support/bgp/router.ts';
import type { Contender } from './contender.ts';
import { startRouter } from './router.ts';

/** Host number of the range's first address in the nodes' network: sixteen that no machine has. */
const FIRST_HOST = 160;
const RANGE_PREFIX = 28;

/** Addresses for Services, as a subnet. */
export function serviceRange(site: Site): string {
  const [first] = freeAddresses(site, FIRST_HOST, 1);
  return `${first}/${RANGE_PREFIX}`;
}

const SERVICES = ['keepalived.vipAddressCidr=', 'services.enabled=true', 'services.classless=true'];

async function install(site: Site, set: readonly string[], spec: PoolSpec): Promise<void> {
  await helmInstall(site, { set: [...SERVICES, ...set] });
  await waitForPods(site);
  await applyManifest(site, poolObject('services', { services: { autoAssign: true }, ...spec }));
}

/** The checkout's chart, with one pool: an address is on one node at a time. */
export const PRODUCT: Contender = {
  images: async () => [],
  install: (site) => install(site, [], { ranges: [{ cidr: serviceRange(site) }] }),
};

/** The checkout's chart, with one pool whose addresses are on every node that serves them, and a router that learns by BGP where. */
export const PRODUCT_ALL: Contender = {
  images: async () => [],
  install: async (site) => {
    const { plan } = site.cluster;
    // None of the nodes' own network: there every node would answer for it.
    const cidr = plan.gateway.replace(/^10\.77\.(\d+)\..*/, `10.79.$1.0/${RANGE_PREFIX}`);
    await startRouter(plan);
    const peer = [`address=${plan.gateway}`, `asNumber=${ROUTERS_AS}`].map((value) => `bgp.peers[0].${value}`);
    const bgp = ['bgp.enabled=true', `bgp.asNumber=${NODES_AS}`, ...peer, `bgp.prefixes[0]=${cidr}`];
    await install(site, bgp, { ranges: [{ cidr }], distribution: { mode: 'All' } });
  },
};
