import type { NodeSubnets } from '../network/node-subnets.ts';
import { InstanceError } from './vrrp-instance.ts';

function isMac(choice: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(choice);
}

/** The node's interfaces, in words. Pure. */
export function interfacesOf({ network }: NodeSubnets): string {
  return network.interfaces.map(({ name, mac }) => (mac === '' ? name : `${name} (${mac})`)).join(', ');
}

/** The interface with a MAC address: of a bond or bridge and its ports, which share it, the bond; of a card and its VLANs, which do too, none. */
function interfaceByMac(field: string, choice: string, subnets: NodeSubnets): string | undefined {
  const found = subnets.network.interfaces.filter(({ mac }) => mac === choice.toLowerCase());
  const free = found.filter(({ enslaved }) => enslaved !== true);
  if (free.length <= 1) return (free[0] ?? found[0])?.name;
  throw new InstanceError(
    `${field}: ${choice} is the MAC address of ${free.map(({ name }) => name).join(' and ')}; give the name of one of them`,
  );
}

/**
 * The name of the interface that a field chooses, by name or MAC address. Pure.
 * @throws {InstanceError} naming the field, where the node has none of that name or address, or several
 */
export function chosenInterface(field: string, choice: string, subnets: NodeSubnets): string {
  const found = isMac(choice) ? interfaceByMac(field, choice, subnets) : subnets.interface(choice)?.name;
  if (found === undefined) {
    throw new InstanceError(`${field}: this node has no interface ${choice}; it has ${interfacesOf(subnets)}`);
  }
  return found;
}
