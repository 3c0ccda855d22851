import { localPool } from '../../../api/instances.ts';
import type { NodePlan } from '../../../api/node-plan.ts';
import type { ServiceAddress } from '../../../api/service-address.ts';
import { isOnLo, type VirtualIpPool } from '../../../api/virtual-ip-pool.ts';
import { canonical, type Family } from '../../../common/addresses.ts';
import { compareText } from '../../../common/compare-text.ts';
import { sha256 } from '../../../common/digest.ts';
import { type EndpointSliceFacts, serviceKeyOf } from '../../kubernetes/endpoint-slice-facts.ts';
import type { Demand, NodeEndpoints, RememberedGroup } from '../../plan/types.ts';
import { backendKey } from '../../services/backend-key.ts';
import { canHold, endpointHealth, type ProbeWish } from '../../services/probe.ts';
import type { LoadBalancerService } from '../../services/types.ts';
import { poolDemand } from '../pool-demands.ts';
import { withPrefix } from './claimed-addresses.ts';
import { endpointsByNode, slicesByService } from './local-endpoints.ts';
import { type PlannedLocal, plannedLocal } from './planned-local.ts';

/** Addresses of Services with externalTrafficPolicy Local: each is where their endpoints are, whatever else the pool has. */
export interface LocalAddresses {
  /** In canonical form. */
  readonly addresses: ReadonlySet<string>;
  /** What they ask the planner for. */
  readonly demands: readonly Demand[];
  /** Groups of the last plan that nothing is asked for any more under their name, in the order of names. */
  readonly departed: readonly RememberedGroup[];
  /** Services whose endpoints have to be known, see `serviceKeyOf`. */
  readonly probed: ReadonlySet<string>;
  /** Services to whose endpoints no connection can be held, though that is asked for. */
  readonly unprobed: readonly LoadBalancerService[];
}

/** Where no Service gets addresses. */
export const NOTHING_LOCAL: LocalAddresses = {
  ...{ addresses: new Set(), demands: [], departed: [] },
  ...{ probed: new Set(), unprobed: [] },
};

/** What is known of Services. */
export interface KnownServices {
  readonly claims: readonly ServiceAddress[];
  readonly services: readonly LoadBalancerService[];
}

interface LocalInput {
  readonly pools: readonly VirtualIpPool[];
  readonly plans: readonly NodePlan[];
  /** Undefined: not all of it was listed yet. */
  readonly known: KnownServices | undefined;
  /** Undefined: not all of them were listed yet. */
  readonly slices: readonly EndpointSliceFacts[] | undefined;
}

/** By the Service's key; undefined: they are not known. */
type Slices = ReturnType<typeof slicesByService> | undefined;

/** Addresses that are placed together. */
interface Draft {
  readonly name: string;
  readonly pool: string;
  readonly addresses: string[];
  readonly services: Set<LoadBalancerService>;
  /** Of a pool whose addresses every fit node has; one node has these. */
  readonly pinned: boolean;
  /** Of the last plan. */
  readonly last: PlannedLocal | undefined;
}

/** Where an address is placed by itself. */
interface Place {
  readonly name: string;
  readonly pinned: boolean;
}

/**
 * What addresses of a pool go by whose Services have the same endpoints, or whose clients are to meet the same pod again: what decides on that
 * is a node's kube-proxy, and a router would send a client's connections to several. Undefined: they go with the pool's others.
 */
function placeOf(pool: string, service: LoadBalancerService, everywhere: boolean): Place | undefined {
  const pinned = everywhere && service.clientIpAffinity === true;
  const local = service.externalTrafficPolicy === 'Local';
  if (!local && !pinned) return undefined;
  const key = [pool, ...(local ? [backendKey(service)] : []), ...(pinned ? ['ClientIP'] : [])];
  return { name: localPool(sha256(JSON.stringify(key))), pinned };
}

/** In canonical form. */
function addressesOf({ groups, everywhere }: PlannedLocal): string[] {
  return [...groups.flatMap(({ addresses }) => addresses), ...everywhere];
}

function lastPlace(name: string, { everywhere }: PlannedLocal, ofEverywhere: boolean): Place {
  return { name, pinned: ofEverywhere && everywhere.length === 0 };
}

/** By canonical address: where it was in the last plan. */
function placesByAddress(last: ReadonlyMap<string, PlannedLocal>, ofEverywhere: (pool: string) => boolean) {
  const places = [...last].flatMap(([name, planned]) => {
    const place = lastPlace(name, planned, ofEverywhere(planned.pool));
    return addressesOf(planned).map((address) => [address, place] as const);
  });
  return new Map(places);
}

/** Collects addresses by the name that they go by. */
class Drafts {
  readonly #last: ReadonlyMap<string, PlannedLocal>;
  readonly #drafts = new Map<string, Draft>();

  constructor(last: ReadonlyMap<string, PlannedLocal>) {
    this.#last = last;
  }

  get all(): Draft[] {
    return [...this.#drafts.values()];
  }

  add({ name, pinned }: Place, pool: string, addresses: readonly string[], service?: LoadBalancerService): void {
    const draft = this.#drafts.get(name) ?? {
      ...{ name, pool, pinned, addresses: [], services: new Set(), last: this.#last.get(name) },
    };
    this.#drafts.set(name, draft);
    draft.addresses.push(...addresses);
    if (service !== undefined) draft.services.add(service);
  }
}

/**
 * By the first of a claim's Services that is known, for all of them have the same endpoints. While none is known, as when the last one is
 * gone and the claim not yet given back, the address stays where it is.
 */
function draftsOf(
  { claims, services }: KnownServices,
  last: ReadonlyMap<string, PlannedLocal>,
  ofEverywhere: (pool: string) => boolean,
): Draft[] {
  const asking = services.filter(({ type, externalIPs = [] }) => type === 'LoadBalancer' || externalIPs.length > 0);
  const byUid = new Map(asking.map((service) => [service.metadata.uid, service]));
  const before = placesByAddress(last, ofEverywhere);
  const drafts = new Drafts(last);
  for (const { spec } of claims) {
    if (spec.owners.length === 0) continue;
    const owners = spec.owners.flatMap(({ uid }) => byUid.get(uid) ?? []);
    // One of them that asks for it is enough.
    const service = owners.find(({ clientIpAffinity }) => clientIpAffinity === true) ?? owners[0];
    const place =
      service === undefined ? before.get(spec.address) : placeOf(spec.pool, service, ofEverywhere(spec.pool));
    if (place !== undefined) drafts.add(place, spec.pool, [spec.address], service);
  }
  return drafts.all;
}

/** What was planned last goes on while not all is known. */
function lastDrafts(last: ReadonlyMap<string, PlannedLocal>, ofEverywhere: (pool: string) => boolean): Draft[] {
  const drafts = new Drafts(last);
  for (const [name, planned] of last) {
    const { pool } = planned;
    drafts.add(lastPlace(name, planned, ofEverywhere(pool)), pool, addressesOf(planned));
  }
  return drafts.all;
}

function bySeniority({ metadata: a }: LoadBalancerService, { metadata: b }: LoadBalancerService): number {
  return a.createdMs - b.createdMs || compareText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

/** Where nodes ask whether they have an endpoint, and what they hold connections to. */
interface Asked {
  /** Undefined: they do not ask. */
  readonly port: number | undefined;
  readonly family: Family | undefined;
  readonly endpoints: NodeEndpoints | undefined;
  /** The Service whose endpoints have to be known for that. */
  readonly probed?: LoadBalancerService;
  readonly unprobed?: readonly LoadBalancerService[];
}

function familyOfService({ ipFamilies: [first] }: LoadBalancerService): Family | undefined {
  if (first === undefined) return undefined;
  return first === 'IPv6' ? 6 : 4;
}

/** All have the same endpoints: where one asks for connections, they are held for all of them. */
function healthOf(services: readonly LoadBalancerService[], oldest: LoadBalancerService, pool: VirtualIpPool) {
  const all = services.map((service) => endpointHealth(service, pool.spec.services));
  return all.find(({ kind }) => kind === 'Probe') ?? endpointHealth(oldest, pool.spec.services);
}

function keyOf({ metadata: { namespace, name } }: LoadBalancerService): string {
  return serviceKeyOf({ metadata: { namespace, name }, service: name });
}

/** While not all slices were listed, connections are held to what they were held to. */
function probedOf(service: LoadBalancerService, wish: ProbeWish, slices: Slices, last: PlannedLocal | undefined) {
  if (!canHold(service, wish)) return { endpoints: undefined, unprobed: [service] };
  const own = slices?.get(keyOf(service)) ?? [];
  const endpoints = slices === undefined ? last?.endpoints : endpointsByNode(own, wish, familyOfService(service));
  return { endpoints, probed: service };
}

/** All have the same endpoints, so that any port would do; the oldest one's stays longest. */
function askedOf({ services, last }: Draft, pool: VirtualIpPool, slices: Slices): Asked {
  const sorted = [...services].sort(bySeniority);
  const known = sorted.find(({ healthCheckNodePort }) => healthCheckNodePort !== undefined);
  if (known === undefined) return { port: last?.port, family: last?.family, endpoints: last?.endpoints };
  const health = healthOf(sorted, known, pool);
  const family = familyOfService(known);
  if (health.kind === 'Always') return { port: undefined, family, endpoints: undefined };
  const asked = { port: known.healthCheckNodePort, family };
  return health.kind === 'Probe'
    ? { ...asked, ...probedOf(known, health, slices, last) }
    : { ...asked, endpoints: undefined };
}

function demandOf(draft: Draft, pool: VirtualIpPool, { port, family, endpoints }: Asked): Demand {
  const { everywhere, replicas, ...base } = poolDemand(pool);
  const onLo = { ...(everywhere === true ? { everywhere } : {}), ...(replicas === undefined ? {} : { replicas }) };
  return {
    ...base,
    ...(draft.pinned ? {} : onLo),
    name: draft.name,
    // What a Service has goes before what its pool lists.
    createdMs: base.createdMs - 1,
    addresses: draft.addresses.map((address) => withPrefix(address, pool.spec)),
    ofServices: new Set(draft.addresses),
    // A pool's own range is for its groups; these have one each, of the many.
    virtualRouterIds: undefined,
    apart: true,
    maxGroups: 1,
    settings: {
      ...base.settings,
      ...(draft.pinned ? { onLoopback: true } : {}),
      ofPool: draft.pool,
      ...(port === undefined ? {} : { localEndpoints: { port } }),
    },
    ...(family === undefined ? {} : { endpointFamily: family }),
    ...(endpoints === undefined ? {} : { endpoints }),
    previousGroups: draft.last?.groups ?? [],
  };
}

function departedGroups(last: ReadonlyMap<string, PlannedLocal>, demands: readonly Demand[]): RememberedGroup[] {
  const names = new Set(demands.map(({ name }) => name));
  const gone = [...last].filter(([name]) => !names.has(name));
  return gone.toSorted(([a], [b]) => compareText(a, b)).flatMap(([, { groups }]) => groups);
}

/** Which addresses are where their Services' endpoints are, and what is asked of the planner for them. Pure. */
export function localAddresses({ pools, plans, known, slices }: LocalInput): LocalAddresses {
  const last = plannedLocal(plans);
  const byName = new Map(pools.map((pool) => [pool.metadata.name, pool]));
  const byService = slices && slicesByService(slices);
  const everywhere = (pool: string) => {
    const spec = byName.get(pool)?.spec;
    return spec !== undefined && isOnLo(spec);
  };
  const drafts = known === undefined ? lastDrafts(last, everywhere) : draftsOf(known, last, everywhere);
  const all = drafts.flatMap((draft) => {
    const pool = byName.get(draft.pool);
    if (pool === undefined) return [];
    const asked = askedOf(draft, pool, byService);
    return [{ asked, demand: demandOf(draft, pool, asked) }];
  });
  const demands = all.map(({ demand }) => demand);
  return {
    ...{ demands, departed: departedGroups(last, demands) },
    addresses: new Set(drafts.flatMap(({ addresses }) => addresses.map(canonical))),
    probed: new Set(all.flatMap(({ asked: { probed } }) => (probed === undefined ? [] : [keyOf(probed)]))),
    unprobed: all.flatMap(({ asked: { unprobed = [] } }) => unprobed),
  };
}
