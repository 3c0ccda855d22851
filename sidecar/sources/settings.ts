import { NODE_INSTANCE } from '../../api/instances.ts';
import { bracketed } from '../../common/addresses.ts';
import type { Settings } from '../config/settings.ts';
import type { Desired, DesiredInstance, FieldNames, KeepalivedOptions } from '../desired/desired.ts';
import { policyOf } from './policy.ts';

const FIELDS: FieldNames = {
  addresses: 'vrrp.addresses',
  addressInterface: 'vrrp.addressInterface',
  interface: 'vrrp.interface',
  unicastPeers: 'vrrp.unicastPeers',
  choice: 'keepalived.vipInterfaceName',
};

function instanceOf(settings: Settings, rank: number): DesiredInstance {
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
      fields: FIELDS,
    },
    rank,
    leaving: false,
    policy: policyOf(settings),
    keepsLastGood: true,
    shown: { as: 'node' },
  };
}

/**
 * What the settings ask of a node: an instance with their addresses, if they have any. Pure.
 * @param rank the node's place in the order of preference, 0 is first
 */
export function desiredBySettings(settings: Settings, rank: number): Desired {
  return { instances: settings.vrrp.addresses.length === 0 ? [] : [instanceOf(settings, rank)], plan: null };
}

/** How the settings have keepalived run. Pure. */
export function keepalivedOptions({ server, vrrp: { debug, authPasswordFile } }: Settings): KeepalivedOptions {
  return { pulseUrl: `http://${bracketed(server.address)}:${server.port}/pulse`, debug, authPasswordFile };
}
