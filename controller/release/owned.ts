import type { ServiceAddress } from '../../api/service-address.ts';
import type { VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { canonical } from '../../common/addresses.ts';
import type { FollowedService } from '../kubernetes/load-balancer-service.ts';
import type { ServiceStatusPatch } from '../kubernetes/service-api.ts';
import { ALLOCATED_CONDITION, CLAIMS_FINALIZER, OWN_CONDITIONS, SERVICE_FINALIZER } from '../services/annotations.ts';

/** What of a Service is to be taken back. */
export interface ServiceWork {
  readonly service: FollowedService;
  /** Addresses that its status says, and must not. */
  readonly addresses: readonly string[];
  /** Absent: nothing of ours is in its status. */
  readonly status?: ServiceStatusPatch;
  readonly finalizer: boolean;
}

/** Everything that keeps something from going, or says what is true no more. */
export interface Owned {
  readonly services: readonly ServiceWork[];
  readonly claims: readonly ServiceAddress[];
  readonly pools: readonly { readonly pool: VirtualIpPool; readonly finalizers: readonly string[] }[];
}

/** What there is in the cluster. */
export interface Found {
  readonly services: readonly FollowedService[];
  readonly claims: readonly ServiceAddress[];
  readonly pools: readonly VirtualIpPool[];
}

function ipsOf({ ingress }: FollowedService): string[] {
  return ingress.flatMap(({ ip }) => (ip === undefined ? [] : [canonical(ip)]));
}

/** All addresses of one that was said to have its own are ours; of others only what is claimed for them. */
function publishedByUs(service: FollowedService, claimed: ReadonlySet<string>): string[] {
  const allocated = service.conditions.find(({ type }) => type === ALLOCATED_CONDITION);
  return allocated?.status === 'True' ? ipsOf(service) : ipsOf(service).filter((ip) => claimed.has(ip));
}

function statusPatch(service: FollowedService, gone: readonly string[]): ServiceStatusPatch {
  const left = service.ingress.filter(({ ip }) => ip === undefined || !gone.includes(canonical(ip)));
  const conditions = OWN_CONDITIONS.map((type) => ({ type, $patch: 'delete' as const }));
  return left.length === service.ingress.length ? { conditions } : { conditions, ingress: left };
}

function serviceWork(service: FollowedService, claimed: ReadonlySet<string> | undefined): ServiceWork[] {
  const addresses = publishedByUs(service, claimed ?? new Set());
  const said = addresses.length > 0 || service.conditions.some(({ type }) => OWN_CONDITIONS.includes(type));
  // Other load balancers use a finalizer of the same name. Who put it there is lost when a Service comes from a backup; a claim still says it.
  const isOurs = service.ownFinalizer || claimed !== undefined;
  const finalizer = isOurs && service.metadata.finalizers.includes(SERVICE_FINALIZER);
  if (!said && !finalizer) return [];
  return [{ service, addresses, finalizer, ...(said ? { status: statusPatch(service, addresses) } : {}) }];
}

/** Canonical addresses that are claimed for load balancers, by the uid of the Service. Of one with externalIPs nothing is written. */
function claimedBy(claims: readonly ServiceAddress[]): ReadonlyMap<string, ReadonlySet<string>> {
  const claimed = new Map<string, Set<string>>();
  for (const { spec } of claims) {
    for (const { uid, by } of spec.owners) {
      if (by === undefined) claimed.set(uid, (claimed.get(uid) ?? new Set()).add(canonical(spec.address)));
    }
  }
  return claimed;
}

/** What is to be taken back, and nothing that others put there. Pure. */
export function ownedOf({ services, claims, pools }: Found): Owned {
  const claimed = claimedBy(claims);
  return {
    services: services.flatMap((service) => serviceWork(service, claimed.get(service.metadata.uid))),
    claims,
    pools: pools.flatMap((pool) => {
      const { finalizers = [] } = pool.metadata;
      const left = finalizers.filter((name) => name !== CLAIMS_FINALIZER);
      return left.length === finalizers.length ? [] : [{ pool, finalizers: left }];
    }),
  };
}

/** How many objects that are. Pure. */
export function countOf({ services, claims, pools }: Owned): number {
  return services.length + claims.length + pools.length;
}
