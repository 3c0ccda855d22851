import type { ServiceAddress } from '../../../api/service-address.ts';
import type { FollowedService } from '../../kubernetes/load-balancer-service.ts';
import { ALLOCATED_CONDITION } from '../../services/annotations.ts';

/** An address of a Service, as pages show it. */
export interface ServiceAddressSummary {
  readonly address: string;
  readonly pool: string;
  readonly plannedNode: string | null;
  /** As the nodes report. */
  readonly holders: readonly string[];
  /** How many nodes have it, where every fit node is to; absent: one is to. */
  readonly holderCount?: number;
  readonly since: string | null;
}

/** A Service, as pages show it. */
export interface ServiceSummary {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly ServiceAddressSummary[];
  /** Why it does not have what it asks for, in one word; null: it has. */
  readonly waitsFor: string | null;
  /** What is said of it, in a sentence. */
  readonly message: string;
}

/** The Services that have addresses, or wait for some. */
export interface ServicesView {
  readonly total: number;
  /** How many wait, by reason. */
  readonly waiting: Readonly<Record<string, number>>;
  /** Those that wait first; not more than a page can show. */
  readonly list: readonly ServiceSummary[];
}

/** Where Services get no addresses. */
export const NO_SERVICES: ServicesView = { total: 0, waiting: {}, list: [] };

const SERVICES_SHOWN = 1000;

function addressSummary({ spec, status }: ServiceAddress): ServiceAddressSummary {
  const { plannedNode = null, holders = [], holderCount, since = null } = status ?? {};
  const counted = holderCount === undefined ? {} : { holderCount };
  return { address: spec.address, pool: spec.pool, plannedNode, holders, since, ...counted };
}

function claimsByOwner(claims: readonly ServiceAddress[]): Map<string, ServiceAddressSummary[]> {
  const byOwner = new Map<string, ServiceAddressSummary[]>();
  for (const claim of claims) {
    for (const { uid } of claim.spec.owners) {
      const own = byOwner.get(uid) ?? [];
      byOwner.set(uid, own);
      own.push(addressSummary(claim));
    }
  }
  return byOwner;
}

/** What pages and metrics show of Services. Pure. */
export function servicesView(services: readonly FollowedService[], claims: readonly ServiceAddress[]): ServicesView {
  const owned = claimsByOwner(claims);
  const shown = services.flatMap(({ metadata: { namespace, name, uid }, conditions }): ServiceSummary[] => {
    const addresses = owned.get(uid) ?? [];
    const said = conditions.find(({ type }) => type === ALLOCATED_CONDITION);
    if (addresses.length === 0 && said === undefined) return [];
    const waitsFor = said === undefined || said.status === 'True' ? null : said.reason;
    return [{ namespace, name, addresses, waitsFor, message: said?.message ?? '' }];
  });
  const waiting: Record<string, number> = {};
  for (const { waitsFor } of shown) if (waitsFor !== null) waiting[waitsFor] = (waiting[waitsFor] ?? 0) + 1;
  const first = shown.filter(({ waitsFor }) => waitsFor !== null);
  const others = shown.filter(({ waitsFor }) => waitsFor === null);
  return { total: shown.length, waiting, list: [...first, ...others].slice(0, SERVICES_SHOWN) };
}
