import { NODE_INSTANCE } from '../../api/instances.ts';
import { bracketed } from '../../common/addresses.ts';
import type { CheckSpec } from '../checks/check-spec.ts';
import type { CheckName } from '../checks/types.ts';
import type { Settings } from '../config/settings.ts';
import type { Desired, DesiredInstance, FieldNames, KeepalivedOptions } from '../desired/desired.ts';
import { restingOn } from './node-checks.ts';
import { policyOf } from './policy.ts';

const FIELDS: FieldNames = {
  addresses: 'vrrp.addresses',
  addressInterface: 'vrrp.addressInterface',
  interface: 'vrrp.interface',
  unicastPeers: 'vrrp.unicastPeers',
  authPassword: 'keepalived.authPassword',
  choice: 'keepalived.vipInterfaceName',
};

/** Settings, and what of the node they ask to be checked, as it was read when they were accepted. */
export interface AcceptedSettings {
  readonly settings: Settings;
  readonly checks: ReadonlyMap<CheckName, CheckSpec>;
}

function instanceOf({ settings, checks }: AcceptedSettings, rank: number): DesiredInstance {
  const { vrrp } = settings;
  return {
    name: NODE_INSTANCE,
    vrrp: {
      version: vrrp.version,
      virtualRouterId: vrrp.virtualRouterId,
      advertIntervalSeconds: vrrp.advertIntervalSeconds,
      interface: vrrp.interface,
      addressInterface: vrrp.addressInterface,
      addresses: vrrp.addresses,
      unicastPeers: vrrp.unicastPeers,
      peersAreOthers: false,
      authPasswordFile: vrrp.authPasswordFile,
      fields: FIELDS,
    },
    rank,
    leaving: false,
    checks: restingOn(checks),
    policy: policyOf(settings),
    keepsLastGood: true,
    shown: { as: 'node' },
  };
}

/** Whether anything rests on the service check of the settings: it is there for their addresses and for pools. */
function needsService({ vrrp, pools, controlPlaneLoadBalancing }: Settings): boolean {
  return vrrp.addresses.length > 0 || pools.enabled || controlPlaneLoadBalancing?.enabled !== true;
}

function needed({ settings, checks }: AcceptedSettings): AcceptedSettings['checks'] {
  return needsService(settings) ? checks : new Map([...checks].filter(([name]) => name !== 'service'));
}

/**
 * What the settings ask of a node: checks, and an instance with the settings' addresses if there are any. Pure.
 * @param rank the node's place in the order of preference, 0 is first
 */
export function desiredBySettings(accepted: AcceptedSettings, rank: number): Desired {
  const { addresses } = accepted.settings.vrrp;
  return {
    instances: addresses.length === 0 ? [] : [instanceOf(accepted, rank)],
    loopback: [],
    checks: needed(accepted),
    pools: [],
    problems: [],
    plan: null,
  };
}

/** How the settings have keepalived run. Pure. */
export function keepalivedOptions({ server, vrrp: { debug } }: Settings): KeepalivedOptions {
  return { pulseUrl: `http://${bracketed(server.address)}:${server.port}/pulse`, debug };
}
