import { BlockList, isIP } from 'node:net';
import type { Settings } from '../config/settings.ts';
import type { NetworkInterface, NetworkView } from './network.ts';

/** A virtual address and where it goes. */
export interface VirtualAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: 4 | 6;
  readonly interface: string;
}

/** One VRRP instance as this node is to run it: everything found that the settings leave open. */
export interface VrrpInstance {
  readonly name: string;
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  readonly advertIntervalSeconds: number;
  readonly interface: string;
  readonly addresses: readonly VirtualAddress[];
  /** Absent: multicast. */
  readonly unicast?: { readonly sourceAddress: string; readonly peers: readonly string[] };
  /** Version 2 only (RFC 3768 had it already removed; keepalived still speaks it). */
  readonly authPassword?: string;
}

/** The settings cannot be carried out on this node, for now at least: an interface or an address is missing. */
export class InstanceError extends Error {
  readonly code = 'INSTANCE_UNRESOLVED';
}

type Family = 4 | 6;

function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4;
}

/** The form in which the kernel's addresses are shown: IPv6 compressed and in lower case (RFC 5952). */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

function contains(network: { address: string; prefixLength: number; family: Family }, address: string): boolean {
  if (familyOf(address) !== network.family) return false;
  const type = network.family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network.address, network.prefixLength, type);
  return list.check(address, type);
}

/** Addresses of an interface that are the node's own, not virtual ones that it holds. */
function ownAddresses(found: NetworkInterface, virtual: ReadonlySet<string>) {
  return found.addresses.filter(({ address, prefixLength, family }) => {
    return !virtual.has(address) && prefixLength < (family === 4 ? 32 : 128);
  });
}

function isMac(choice: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(choice);
}

function known(network: NetworkView): string {
  return network.interfaces.map(({ name, mac }) => (mac === '' ? name : `${name} (${mac})`)).join(', ');
}

function chosenInterface(field: string, choice: string, network: NetworkView): string {
  const found = isMac(choice)
    ? network.interfaces.find(({ mac }) => mac === choice.toLowerCase())
    : network.interfaces.find(({ name }) => name === choice);
  if (found === undefined) {
    throw new InstanceError(`${field}: this node has no interface ${choice}; it has ${known(network)}`);
  }
  return found.name;
}

/** The interface whose subnet contains the address, else the default route's: the address then has to be routed to the node. */
function foundInterface(address: string, network: NetworkView, virtual: ReadonlySet<string>): string {
  const bySubnet = network.interfaces.find((candidate) =>
    ownAddresses(candidate, virtual).some((own) => contains(own, address)),
  );
  const found = bySubnet?.name ?? network.defaultInterface[familyOf(address)];
  if (found === undefined) {
    throw new InstanceError(
      `vrrp.addresses: no interface of this node has a subnet with ${address}, and there is no default route; ` +
        `set keepalived.vipInterfaceName to one of ${known(network)}`,
    );
  }
  return found;
}

function prefixLengthOf(
  address: string,
  given: string | undefined,
  on: NetworkInterface | undefined,
  virtual: ReadonlySet<string>,
) {
  if (given !== undefined) return Number(given);
  const subnet = on === undefined ? undefined : ownAddresses(on, virtual).find((own) => contains(own, address));
  return subnet?.prefixLength ?? (familyOf(address) === 4 ? 32 : 128);
}

function virtualSet(vrrp: Settings['vrrp']): Set<string> {
  return new Set(vrrp.addresses.map((text) => canonical(text.split('/')[0] ?? text)));
}

function resolveAddresses(vrrp: Settings['vrrp'], network: NetworkView): VirtualAddress[] {
  const virtual = virtualSet(vrrp);
  return vrrp.addresses.map((text) => {
    const [given = text, prefix] = text.split('/');
    const address = canonical(given);
    const name =
      vrrp.addressInterface === ''
        ? foundInterface(address, network, virtual)
        : chosenInterface('vrrp.addressInterface', vrrp.addressInterface, network);
    const on = network.interfaces.find((candidate) => candidate.name === name);
    return {
      address,
      prefixLength: prefixLengthOf(address, prefix, on, virtual),
      family: familyOf(address),
      interface: name,
    };
  });
}

function resolveUnicast(vrrp: Settings['vrrp'], interfaceName: string, nodeAddress: string, network: NetworkView) {
  if (vrrp.unicastPeers.length === 0) return undefined;
  const virtual = virtualSet(vrrp);
  const own = new Set(
    network.interfaces.flatMap((found) => ownAddresses(found, virtual).map(({ address }) => address)),
  );
  const peers = vrrp.unicastPeers.map(canonical).filter((peer) => !own.has(peer) && peer !== nodeAddress);
  const first = peers[0];
  // keepalived takes an empty list of peers for multicast, which the user did not ask for.
  if (first === undefined)
    throw new InstanceError('vrrp.unicastPeers: has no other node than this one; add the others or leave it empty');
  const family = familyOf(first);
  if (peers.some((peer) => familyOf(peer) !== family)) {
    throw new InstanceError('vrrp.unicastPeers: has IPv4 and IPv6 addresses; a VRRP instance speaks one of them');
  }
  const on = network.interfaces.find(({ name }) => name === interfaceName);
  const sources = (on === undefined ? [] : ownAddresses(on, virtual)).filter(
    (candidate) => candidate.family === family,
  );
  const source = sources.find(({ address }) => address === nodeAddress) ?? sources[0];
  if (source === undefined) {
    throw new InstanceError(`vrrp.unicastPeers: ${interfaceName} has no IPv${family} address to send from`);
  }
  return { sourceAddress: source.address, peers };
}

/**
 * Finds what the settings leave open: interfaces, prefixes, this node among the peers.
 * @param options.nodeAddress the node's address as the downward API gives it, or ''
 * @throws {InstanceError} when the node's network does not allow it
 */
export function resolveInstance(
  vrrp: Settings['vrrp'],
  network: NetworkView,
  options: { name: string; nodeAddress: string; authPassword?: string },
): VrrpInstance {
  const addresses = resolveAddresses(vrrp, network);
  const interfaceName =
    vrrp.interface === ''
      ? (addresses[0]?.interface ?? '')
      : chosenInterface('vrrp.interface', vrrp.interface, network);
  const unicast = resolveUnicast(vrrp, interfaceName, options.nodeAddress, network);
  return {
    name: options.name,
    version: vrrp.version,
    virtualRouterId: vrrp.virtualRouterId,
    advertIntervalSeconds: vrrp.advertIntervalSeconds,
    interface: interfaceName,
    addresses,
    ...(unicast === undefined ? {} : { unicast }),
    ...(options.authPassword === undefined ? {} : { authPassword: options.authPassword }),
  };
}
