import type { NodePlanSpec, PlannedInstance, PlannedPool } from '../../api/node-plan.ts';
import type { Settings } from '../config/settings.ts';
import type { InstanceWish, WishFields } from '../keepalived/instance.ts';

/** Name of the instance with the addresses of the settings. */
export const SETTINGS_INSTANCE = 'vip';

const SETTINGS_FIELDS: WishFields = {
  addresses: 'vrrp.addresses',
  addressInterface: 'vrrp.addressInterface',
  interface: 'vrrp.interface',
  unicastPeers: 'vrrp.unicastPeers',
  choice: 'keepalived.vipInterfaceName',
};

function poolFields(pool: string): WishFields {
  const field = (name: string) => `VirtualIPPool ${pool}, ${name}`;
  return {
    addresses: field('spec.addresses'),
    addressInterface: field('spec.interface'),
    interface: 'vrrp.interface',
    unicastPeers: field('spec.vrrp.peering'),
    choice: 'its spec.interface',
  };
}

/** Slot of an instance within its pool. */
function slotOf({ name, pool }: PlannedInstance): number {
  return Number(name.slice(pool.length + 1));
}

function byPoolAndSlot(a: PlannedInstance, b: PlannedInstance): number {
  if (a.pool !== b.pool) return a.pool < b.pool ? -1 : 1;
  return slotOf(a) - slotOf(b);
}

function plannedWish(
  { name, pool, virtualRouterId, addresses, peers }: PlannedInstance,
  pools: ReadonlyMap<string, PlannedPool>,
  { version, advertIntervalSeconds, interface: vrrpInterface }: Settings['vrrp'],
): InstanceWish {
  return {
    name,
    version,
    virtualRouterId,
    advertIntervalSeconds,
    interface: vrrpInterface,
    addressInterface: pools.get(pool)?.interface ?? '',
    addresses,
    unicastPeers: peers ?? [],
    peersAreOthers: true,
    fields: poolFields(pool),
  };
}

/**
 * The instances that a node is asked to run, in an order that depends on their names only: first the one of the settings, if they have
 * addresses, then the plan's by pool and slot. Pure.
 */
export function wishesOf({ vrrp }: Settings, plan: NodePlanSpec | null): InstanceWish[] {
  const pools = new Map((plan?.pools ?? []).map((pool) => [pool.name, pool]));
  const planned = (plan?.instances ?? []).toSorted(byPoolAndSlot).map((instance) => plannedWish(instance, pools, vrrp));
  if (vrrp.addresses.length === 0) return planned;
  return [{ ...vrrp, name: SETTINGS_INSTANCE, fields: SETTINGS_FIELDS }, ...planned];
}
