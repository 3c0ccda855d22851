import { claimName, type ServiceAddress, type ServiceAddressSpec } from '../../../api/service-address.ts';
import type { VirtualIpPoolSpec } from '../../../api/virtual-ip-pool.ts';
import { PoolRanges } from '../ranges.ts';
import type {
  Allocation,
  AllocationInput,
  ClaimChange,
  LoadBalancerService,
  ServicePool,
  ServicesSettings,
  ServiceVerdict,
} from '../types.ts';

/* Clusters in which Services ask for addresses. */

export const CLASS = 'keepalived-ingress-vip.io/vip';
export const settings: ServicesSettings = {
  loadBalancerClass: CLASS,
  classless: false,
  aliases: true,
  externalIPs: 'Off',
};
export const NOW_MS = Date.parse('2030-01-01T00:00:00Z');
export const SECOND_MS = 1000;

type ServiceChanges = Partial<Omit<LoadBalancerService, 'metadata'>> & {
  readonly metadata?: Partial<LoadBalancerService['metadata']>;
};

/** A Service of our class with one port, of IPv4 alone, in namespace `default`. */
export function service(name: string, { metadata = {}, ...changes }: ServiceChanges = {}): LoadBalancerService {
  return {
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      createdMs: NOW_MS,
      deleting: false,
      finalizers: [],
      labels: {},
      ...metadata,
    },
    ownFinalizer: false,
    type: 'LoadBalancer',
    loadBalancerClass: CLASS,
    annotations: {},
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ protocol: 'TCP', port: 80 }],
    externalTrafficPolicy: 'Cluster',
    selector: { app: name },
    ingress: [],
    conditions: [],
    ...changes,
  };
}

/** The same with annotations of our own: `asking('web', { addresses: '192.168.11.7' })`. */
export function asking(
  name: string,
  wishes: Readonly<Record<string, string>>,
  changes: ServiceChanges = {},
): LoadBalancerService {
  const own = Object.entries(wishes).map(([key, value]) => [`keepalived-ingress-vip.io/${key}`, value]);
  return service(name, { annotations: Object.fromEntries(own), ...changes });
}

/** A pool of addresses 192.168.11.1 to .4 that serves whoever asks. */
export function pool(
  name: string,
  spec: Partial<VirtualIpPoolSpec> = {},
  changes: Partial<Omit<ServicePool, 'name' | 'spec' | 'ranges'>> = {},
): ServicePool {
  const whole: VirtualIpPoolSpec = {
    ranges: [{ first: '192.168.11.1', last: '192.168.11.4' }],
    services: {},
    ...spec,
  };
  return { name, createdMs: NOW_MS, deleting: false, ...changes, spec: whole, ranges: PoolRanges.of(whole) };
}

/** A claim as it is stored. */
export function claim(spec: Partial<ServiceAddressSpec> & { readonly address: string }): ServiceAddress {
  return {
    metadata: { name: claimName(spec.address), uid: `claim-${spec.address}`, resourceVersion: '1' },
    spec: { pool: 'web', owners: [], ...spec },
  };
}

/** The claim of an address that a Service has. */
export function owned(address: string, ...owners: readonly LoadBalancerService[]): ServiceAddress {
  return claim({
    address,
    owners: owners.map(({ metadata: { namespace, name, uid } }) => ({ namespace, name, uid })),
  });
}

/** The claim of an address that waits for a Service. */
export function retained(address: string, name: string, sinceMs = NOW_MS, namespace = 'default'): ServiceAddress {
  return claim({ address, retained: { namespace, name, since: new Date(sinceMs).toISOString() } });
}

/** All that decisions are made by: a pool `web` and nothing else, unless said. */
export function input(changes: Partial<AllocationInput> = {}): AllocationInput {
  return {
    pools: [pool('web')],
    claims: [],
    services: [],
    namespaces: new Map([
      ['default', {}],
      ['other', { team: 'b' }],
    ]),
    unavailable: new Map(),
    settings,
    nowMs: NOW_MS,
    ...changes,
  };
}

/** Claims after a change was written. */
export function written(claims: readonly ServiceAddress[], change: ClaimChange): ServiceAddress[] {
  if (change.kind === 'create') return [...claims, claim(change.spec)];
  const others = claims.filter(({ metadata }) => metadata.name !== change.claim.metadata.name);
  return change.kind === 'delete' ? others : [...others, { ...change.claim, spec: change.spec }];
}

/** What was given is stored, so that the next decision is made by it. */
export function applied(before: AllocationInput, { claims }: Pick<Allocation, 'claims'>): AllocationInput {
  return { ...before, claims: claims.reduce<readonly ServiceAddress[]>(written, before.claims) };
}

/** What is said of one Service. */
export function verdictOn({ services }: Allocation, name: string): ServiceVerdict | undefined {
  return services.find(({ service: { metadata } }) => metadata.name === name);
}

/** Who has what, as text: `192.168.11.1: default/web`. */
export function holdings({ claims }: AllocationInput): string[] {
  return claims
    .map(({ spec }) => {
      const owners = spec.owners.map(({ namespace, name }) => `${namespace}/${name}`).join(' ');
      return `${spec.address}: ${owners === '' ? `for ${spec.retained?.namespace}/${spec.retained?.name}` : owners}`;
    })
    .sort();
}
