import { SERVICES_DEFAULTS } from '../../api/defaults.ts';
import type { AddressOwner } from '../../api/service-address.ts';
import { SHARE } from './annotations.ts';
import { backendKey } from './backend-key.ts';
import type { LoadBalancerService, Refusal, ServicePool } from './types.ts';
import type { Wish } from './wishes.ts';

/** Services that one address can have: what a claim has room for. */
export const MOST_SHARERS = 64;

/** A Service, and what it asks for. */
export interface Asking {
  readonly service: LoadBalancerService;
  readonly owner: AddressOwner;
  readonly wish: Wish;
}

/** A Service as people name it. Pure. */
export function titleOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** `TCP 80`, if both take connections at it. */
function clash(a: LoadBalancerService, b: LoadBalancerService): string | undefined {
  const port = a.ports.find((one) =>
    b.ports.some((other) => one.port === other.port && one.protocol === other.protocol),
  );
  return port === undefined ? undefined : `${port.protocol} ${port.port}`;
}

/** Where a node serves from its own endpoints alone, one address can be at one place only if both have the same (MetalLB's rule). */
function endpointsProblem(a: LoadBalancerService, b: LoadBalancerService): string | undefined {
  if (a.externalTrafficPolicy !== b.externalTrafficPolicy) {
    return 'one has externalTrafficPolicy Local, the other Cluster; give both the same';
  }
  if (a.externalTrafficPolicy === 'Cluster' || backendKey(a) === backendKey(b)) return undefined;
  return 'with externalTrafficPolicy Local both need the same pods: one namespace, one spec.selector that is not empty, one publishNotReadyAddresses';
}

function agreesWith({ wish: { share } }: Asking, { service }: Asking): boolean {
  return share?.namespaces === undefined || share.namespaces.has(service.metadata.namespace);
}

/** What the pool says of Services of two namespaces. */
function namespaceProblem(pool: ServicePool | undefined, newcomer: Asking, holder: Asking): string | undefined {
  const { sharing = SERVICES_DEFAULTS.sharing } = pool?.spec.services ?? {};
  if (sharing === 'Never') return `pool ${pool?.name} has spec.services.sharing Never; ask for another address`;
  if (newcomer.owner.namespace === holder.owner.namespace) return undefined;
  if (sharing === 'SameNamespace') {
    return `that is in another namespace; pool ${pool?.name} lets these share if its spec.services.sharing is AnyNamespace`;
  }
  return agreesWith(newcomer, holder) && agreesWith(holder, newcomer)
    ? undefined
    : 'one of the two does not name the namespace of the other in lbipam.cilium.io/sharing-cross-namespace; add it there';
}

function portProblem({ service: a }: Asking, { service: b }: Asking): string | undefined {
  const port = clash(a, b);
  if (port !== undefined) return `both have port ${port}; give one of them another`;
  return endpointsProblem(a, b);
}

/** Two that both name the address in spec.externalIPs agree by that; a key has to be the same only where both have one. */
function agree(newcomer: Asking, holder: Asking): boolean {
  const [wanted, given] = [newcomer.wish.share?.key, holder.wish.share?.key];
  if (wanted !== undefined && given !== undefined) return wanted === given;
  return bothByField(newcomer, holder);
}

function bothByField({ owner: a }: Asking, { owner: b }: Asking): boolean {
  return a.by !== undefined && b.by !== undefined;
}

/**
 * Why a Service cannot have an address beside another one. Pure.
 * @param pool of the address; undefined: it is gone
 */
export function sharingRefusal(
  address: string,
  pool: ServicePool | undefined,
  newcomer: Asking,
  holder: Asking,
): Refusal | undefined {
  const { share: wanted } = newcomer.wish;
  const { share: given } = holder.wish;
  const has = `${address} is had by Service ${titleOf(holder.owner)}`;
  if (!bothByField(newcomer, holder) && (wanted === undefined || given === undefined)) {
    const fix = `ask for another address, or give both the same annotation ${SHARE.own}`;
    return { reason: 'AddressTaken', message: `${has}; ${fix}` };
  }
  const problem = agree(newcomer, holder)
    ? (namespaceProblem(pool, newcomer, holder) ?? portProblem(newcomer, holder))
    : `which shares by another key, "${given?.key}"; give both the same annotation ${SHARE.own}, or ask for another address`;
  return problem === undefined ? undefined : { reason: 'SharingRefused', message: `${has}: ${problem}` };
}
