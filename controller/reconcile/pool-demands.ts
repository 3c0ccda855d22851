import { FAILBACK_DEFAULTS } from '../../api/defaults.ts';
import { hostsOf, settingsProblem, type VirtualIpPool, type VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import type { Demand, DemandSettings } from '../plan/types.ts';

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

function settingsOf(spec: VirtualIpPoolSpec): DemandSettings {
  return {
    interface: spec.interface ?? '',
    failbackDelaySeconds: failbackDelaySeconds(spec),
    ...(spec.healthCheck === undefined ? {} : { healthCheck: spec.healthCheck }),
  };
}

/** What a pool asks for. Pure. */
export function poolDemand(pool: VirtualIpPool): Demand {
  const { metadata, spec, status } = pool;
  return {
    name: metadata.name,
    createdMs: createdMs(pool),
    addresses: spec.addresses,
    problem: settingsProblem(spec),
    checkedHosts: spec.healthCheck === undefined ? [] : hostsOf(spec.healthCheck),
    placement: {
      nodeSelector: spec.nodeSelector ?? {},
      tolerations: spec.tolerations ?? [],
      topologyKey: spec.spread?.topologyKey,
    },
    unicast: spec.vrrp?.peering === 'Unicast',
    virtualRouterIds: spec.vrrp?.virtualRouterIds,
    settings: settingsOf(spec),
    previousGroups: status?.groups ?? [],
  };
}

/** What all pools ask for. One that is being deleted asks for nothing any more. Pure. */
export function poolDemands(pools: readonly VirtualIpPool[]): Demand[] {
  return pools.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(poolDemand);
}
