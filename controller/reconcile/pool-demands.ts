import { FAILBACK_DEFAULTS } from '../../api/defaults.ts';
import {
  type HealthCheck,
  hostsOf,
  isOnLo,
  replicasOf,
  settingsProblem,
  type VirtualIpPool,
  type VirtualIpPoolSpec,
} from '../../api/virtual-ip-pool.ts';
import { canonical } from '../../common/addresses.ts';
import type { Demand, DemandSettings, SpareGroup } from '../plan/types.ts';
import { CLAIMS_FINALIZER } from '../services/annotations.ts';
import { type ClaimedAddresses, NOTHING_CLAIMED, rangesOf } from './services/claimed-addresses.ts';

/*
 * What pools ask the planner for. This is the only place that knows both: the planner takes demands, whoever has them.
 */

function createdMs({ metadata }: VirtualIpPool): number {
  // An object without a time is not stored yet: nothing is younger.
  const time = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

function failbackDelaySeconds({ failback = {} }: VirtualIpPoolSpec): number | null {
  const { enabled = FAILBACK_DEFAULTS.enabled, delaySeconds = FAILBACK_DEFAULTS.delaySeconds } = failback;
  return enabled ? delaySeconds : null;
}

/**
 * kube-proxy takes connections to Services' addresses, and says itself whether it does, at every address of the node
 * (https://kubernetes.io/docs/reference/command-line-tools-reference/kube-proxy/, --healthz-bind-address).
 */
const KUBE_PROXY: HealthCheck = { httpGet: { port: 10_256, path: '/healthz' } };

/** Whether Services may have addresses of it: also of one that serves nobody any more, whose check must not change under them. */
function isOfServices({ metadata, spec }: VirtualIpPool): boolean {
  return spec.services !== undefined || metadata.finalizers?.includes(CLAIMS_FINALIZER) === true;
}

function settingsOf(pool: VirtualIpPool): DemandSettings {
  const { spec } = pool;
  const healthCheck = spec.healthCheck ?? (isOfServices(pool) ? KUBE_PROXY : undefined);
  return {
    interface: spec.interface ?? '',
    // VRRP is spoken where nodes know each other, and not where a route to the address goes.
    ...(replicasOf(spec) === undefined ? {} : { onLoopback: true }),
    failbackDelaySeconds: failbackDelaySeconds(spec),
    ...(healthCheck === undefined ? {} : { healthCheck }),
  };
}

/** What a pool asks for by itself: one that is being deleted nothing any more. */
function ownAddresses({ metadata, spec }: VirtualIpPool): readonly string[] {
  return metadata.deletionTimestamp === undefined ? (spec.addresses ?? []) : [];
}

/**
 * The group that is ready for the next Service that gets an address of a pool; undefined where none will. It is for addresses of the first
 * range: those of another may belong to another of the nodes' interfaces.
 */
function spareOf({ metadata, spec }: VirtualIpPool): SpareGroup | undefined {
  const gives = spec.services !== undefined && spec.services.disabled !== true && !isOnLo(spec);
  if (!gives || metadata.deletionTimestamp !== undefined) return undefined;
  const ranges = rangesOf(spec);
  const like = ranges.example();
  return like === undefined ? undefined : { like, fits: (address) => ranges.areTogether(like, address) };
}

/** What a pool asks for, for itself and for Services that have addresses of it. Pure. */
export function poolDemand(pool: VirtualIpPool, claimed: readonly string[] = []): Demand {
  const { metadata, spec, status } = pool;
  const replicas = replicasOf(spec);
  const own = ownAddresses(pool);
  const ofServices = new Set(claimed.map(canonical));
  const listed = new Set(own.map(canonical));
  return {
    name: metadata.name,
    createdMs: createdMs(pool),
    // What a Service has may be listed as well since.
    addresses: [...own, ...claimed.filter((address) => !listed.has(canonical(address)))],
    ...(ofServices.size === 0 ? {} : { ofServices }),
    problem: settingsProblem(spec),
    checkedHosts: spec.healthCheck === undefined ? [] : hostsOf(spec.healthCheck),
    placement: {
      nodeSelector: spec.nodeSelector ?? {},
      tolerations: spec.tolerations ?? [],
      topologyKey: spec.spread?.topologyKey,
    },
    ...(isOnLo(spec) ? { everywhere: true as const } : {}),
    ...(replicas === undefined ? {} : { replicas }),
    unicast: spec.vrrp?.peering === 'Unicast',
    virtualRouterIds: spec.vrrp?.virtualRouterIds,
    settings: settingsOf(pool),
    previousGroups: status?.groups ?? [],
  };
}

/** The same, with a group that is ready for the next Service. */
function servingDemand(pool: VirtualIpPool, claimed: readonly string[]): Demand {
  const spare = spareOf(pool);
  return { ...poolDemand(pool, claimed), ...(spare === undefined ? {} : { spare }) };
}

/**
 * What all pools ask for. One that is being deleted asks for what Services still have of it. Pure.
 * @param serving whether Services get addresses
 */
export function poolDemands(
  pools: readonly VirtualIpPool[],
  claimed: ClaimedAddresses = NOTHING_CLAIMED,
  serving = false,
): Demand[] {
  return pools
    .map((pool) => ({ pool, ofServices: claimed(pool) }))
    .filter(({ pool, ofServices }) => pool.metadata.deletionTimestamp === undefined || ofServices.length > 0)
    .map(({ pool, ofServices }) => (serving ? servingDemand(pool, ofServices) : poolDemand(pool, ofServices)));
}
