import { z } from 'zod';
import { canonical, familyOf } from '../../common/addresses.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { DesiredVrrp } from './desired.ts';
import { type FoundBy, InstanceError, type VirtualAddress, type VrrpInstance } from './vrrp-instance.ts';

/** Where an instance's parts were found; kept while the instance is desired. Holds no secret. */
export interface Placement {
  readonly addresses: readonly Pick<VirtualAddress, 'address' | 'prefixLength' | 'interface' | 'found'>[];
  readonly unicast?: UnicastPlacement;
}

interface UnicastPlacement {
  readonly sourceAddress: string;
  readonly interface: string;
  /** Which of the listed peers are this node, also those whose address is gone for the moment. */
  readonly own: readonly string[];
}

/** What is known besides what is desired. */
export interface ResolveContext {
  /** The node's address as the downward API gives it, or ''. */
  readonly nodeAddress: string;
  readonly authPassword?: string | undefined;
  /** Names of nodes by their addresses, as far as the Kubernetes API told. */
  readonly nodesByAddress?: ReadonlyMap<string, string>;
  /** Where things were found before. */
  readonly before?: Placement | undefined;
  /** Whether the node's network may still be coming up, so that a subnet which is not there may be there in a moment. */
  readonly young?: boolean;
}

/** What of an instance is to be found again. */
export function placementOf({ addresses }: VrrpInstance, unicast: UnicastPlacement | undefined): Placement {
  return {
    addresses: addresses.map(({ address, prefixLength, interface: on, found }) => {
      return { address, prefixLength, interface: on, ...(found === undefined ? {} : { found }) };
    }),
    ...(unicast === undefined ? {} : { unicast }),
  };
}

const placementSchema = z.object({
  addresses: z.array(
    z.object({
      address: z.string(),
      prefixLength: z.int(),
      interface: z.string(),
      found: z.enum(['name', 'subnet', 'route']).optional(),
    }),
  ),
  unicast: z.object({ sourceAddress: z.string(), interface: z.string(), own: z.array(z.string()) }).optional(),
});

/** Where the parts of instances were found, by the instance's name. */
export type Placements = Readonly<Record<string, Placement>>;

/** The placements in a document; undefined when it has none. */
export function readPlacements(document: unknown): Placements | undefined {
  const read = z.record(z.string(), placementSchema).safeParse(document);
  return read.success ? (read.data as Placements) : undefined;
}

function isMac(choice: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(choice);
}

function known({ network }: NodeSubnets): string {
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

function chosenInterface(field: string, choice: string, subnets: NodeSubnets): string {
  const found = isMac(choice) ? interfaceByMac(field, choice, subnets) : subnets.interface(choice)?.name;
  if (found === undefined) {
    throw new InstanceError(`${field}: this node has no interface ${choice}; it has ${known(subnets)}`);
  }
  return found;
}

interface Found {
  readonly interface: string;
  readonly found: FoundBy;
  /** Of the subnet by which it was found. */
  readonly prefixLength?: number;
}

/** The interface whose subnet contains the address, else the default route's: the address then has to be routed to the node. */
function findInterface(
  address: string,
  { fields }: DesiredVrrp,
  subnets: NodeSubnets,
  { young = false }: ResolveContext,
): Found {
  const subnet = subnets.containing(address);
  if (subnet !== undefined) return { ...subnet, found: 'subnet' };
  const byRoute = subnets.network.defaultInterface[familyOf(address)];
  if (byRoute !== undefined && young) {
    throw new InstanceError(
      `${fields.addresses}: no interface of this node has a subnet with ${address} yet; in some seconds it is taken for one that is routed to ${byRoute}`,
    );
  }
  if (byRoute !== undefined) return { interface: byRoute, found: 'route' };
  throw new InstanceError(
    `${fields.addresses}: no interface of this node has a subnet with ${address}, and there is no default route; ` +
      `set ${fields.choice} to one of ${known(subnets)}`,
  );
}

/** What was found before stays, unless it was only the default route's interface and a subnet turned up since. */
function findAgain(address: string, vrrp: DesiredVrrp, subnets: NodeSubnets, context: ResolveContext): Found {
  const known = context.before?.addresses.find((one) => one.address === address);
  if (known?.found === undefined || known.found === 'name') return findInterface(address, vrrp, subnets, context);
  if (known.found === 'route' && subnets.containing(address) !== undefined)
    return findInterface(address, vrrp, subnets, context);
  if (subnets.interface(known.interface) !== undefined) return { interface: known.interface, found: known.found };
  throw new InstanceError(
    `${vrrp.fields.addresses}: ${address} belongs to ${known.interface}, and this node has no such interface any more; ` +
      `waiting for it. Set ${vrrp.fields.choice} if it shall be another`,
  );
}

/**
 * With which prefix an IPv4 address is put on. In a subnet of the node's own it is a host's: the route to the subnet is there already, and
 * an address of the same subnet would be the node's own address' secondary or, worse, its primary, and take it along when it goes
 * (ip-sysctl, `promote_secondaries`).
 */
function prefixLengthOf(
  address: string,
  given: string | undefined,
  { interface: on, found }: Found,
  subnets: NodeSubnets,
): number {
  const subnet = subnets.containing(address, on);
  if (familyOf(address) === 6) return given === undefined ? (subnet?.prefixLength ?? 128) : Number(given);
  return given === undefined || subnet !== undefined || found === 'subnet' ? 32 : Number(given);
}

/**
 * Finds the interfaces and prefixes of an instance's addresses. Pure.
 * @throws {InstanceError} naming the field
 */
export function placeAddresses(vrrp: DesiredVrrp, subnets: NodeSubnets, context: ResolveContext): VirtualAddress[] {
  const { addresses, addressInterface, fields } = vrrp;
  const chosen =
    addressInterface === '' ? undefined : chosenInterface(fields.addressInterface, addressInterface, subnets);
  return addresses.map((text): VirtualAddress => {
    const [given = text, prefix] = text.split('/');
    const address = canonical(given);
    const place: Found =
      chosen === undefined ? findAgain(address, vrrp, subnets, context) : { interface: chosen, found: 'name' };
    const last = context.before?.addresses.find((one) => one.address === address && one.interface === place.interface);
    // The subnet from which a prefix came may be gone for the moment.
    const prefixLength = keepsPrefix(last, prefix) ?? prefixLengthOf(address, prefix, place, subnets);
    return { address, prefixLength, family: familyOf(address), interface: place.interface, found: place.found };
  });
}

function keepsPrefix(last: Placement['addresses'][number] | undefined, given: string | undefined): number | undefined {
  if (last === undefined) return undefined;
  const isHost = last.prefixLength === (familyOf(last.address) === 4 ? 32 : 128);
  return given === undefined || isHost || last.prefixLength === Number(given) ? last.prefixLength : undefined;
}

/** This node's address among the peers: the one that it had there before, its address in Kubernetes, or any. */
function ownPeer(listed: readonly string[], on: string | undefined, subnets: NodeSubnets, context: ResolveContext) {
  const { before, nodeAddress } = context;
  const last = before?.unicast;
  const stays =
    last !== undefined &&
    listed.includes(last.sourceAddress) &&
    subnets.interface(last.interface) !== undefined &&
    (on === undefined || on === last.interface);
  if (stays) return last.sourceAddress;
  const own = listed.filter((peer) => subnets.ownerOf(peer) !== undefined);
  const here = on === undefined ? own : own.filter((peer) => subnets.ownerOf(peer) === on);
  return here.find((peer) => peer === nodeAddress) ?? here[0] ?? own[0];
}

/** The listed addresses that are this node's, among them those that are gone for the moment: nobody else has them. */
function ownListed(listed: readonly string[], source: string, subnets: NodeSubnets, context: ResolveContext): string[] {
  const last = new Set(context.before?.unicast?.own ?? []);
  return listed.filter(
    (peer) => peer === source || peer === context.nodeAddress || subnets.ownerOf(peer) !== undefined || last.has(peer),
  );
}

/** What speaks VRRP, and from where; peers are absent by multicast. */
interface VrrpPlace {
  readonly interface: string;
  readonly unicast?: UnicastPlacement & { readonly peers: readonly string[] };
}

/**
 * Finds where an instance speaks VRRP: by unicast from the address that the peers know, on the interface that has it.
 * @throws {InstanceError} naming the field
 */
export function placeVrrp(
  vrrp: DesiredVrrp,
  addresses: readonly VirtualAddress[],
  subnets: NodeSubnets,
  context: ResolveContext,
): VrrpPlace {
  const { fields } = vrrp;
  const named = vrrp.interface === '' ? undefined : chosenInterface(fields.interface, vrrp.interface, subnets);
  if (vrrp.unicastPeers.length === 0) return { interface: named ?? addresses[0]?.interface ?? '' };
  const listed = listedPeers(vrrp, context);
  const sourceAddress = ownPeer(listed, named, subnets, context);
  if (sourceAddress === undefined) throw new InstanceError(noOwnPeer(vrrp, subnets, context));
  const on = interfaceOfSource(sourceAddress, named, vrrp, subnets, context);
  const own = ownListed(listed, sourceAddress, subnets, context);
  const peers = listed.filter((peer) => !own.includes(peer));
  // keepalived takes an empty list of peers for multicast, which the user did not ask for.
  if (peers.length === 0) {
    throw new InstanceError(
      `${fields.unicastPeers}: has no other node than this one; add the others or leave it empty`,
    );
  }
  return { interface: on, unicast: { sourceAddress, interface: on, own, peers } };
}

/** The addresses of all nodes that take part, this one among them. */
function listedPeers({ unicastPeers, peersAreOthers, fields }: DesiredVrrp, { nodeAddress }: ResolveContext): string[] {
  const peers = unicastPeers.map(canonical);
  if (new Set(peers.map(familyOf)).size > 1) {
    throw new InstanceError(`${fields.unicastPeers}: has IPv4 and IPv6 addresses; a VRRP instance speaks one of them`);
  }
  return peersAreOthers ? [canonical(nodeAddress), ...peers] : peers;
}

function interfaceOfSource(
  source: string,
  named: string | undefined,
  { fields }: DesiredVrrp,
  subnets: NodeSubnets,
  { before }: ResolveContext,
): string {
  const field = fields.unicastPeers;
  const on = subnets.ownerOf(source);
  if (on === undefined) {
    throw new InstanceError(
      `${field}: ${source}, by which the peers know this node, is not on ${before?.unicast?.interface} any more; waiting for it`,
    );
  }
  if (named === undefined || on === named) return on;
  throw new InstanceError(
    `${field}: has this node as ${source}, which is on ${on}, but ${fields.interface} asks for ${named}; ` +
      `list the nodes' addresses on ${named}, or change ${fields.interface}`,
  );
}

function noOwnPeer(
  { fields, peersAreOthers }: DesiredVrrp,
  subnets: NodeSubnets,
  { nodeAddress }: ResolveContext,
): string {
  const own = subnets.ownAddresses.map((address) => address.split('/')[0]).join(', ');
  if (peersAreOthers) {
    return `${fields.unicastPeers}: the other nodes know this one as ${nodeAddress}, which is on none of its interfaces (it has ${own}); use multicast, or correct the node's address`;
  }
  return `${fields.unicastPeers}: has none of this node's addresses (${own}), so that the other nodes would not listen to it; add the one that the others reach, or leave the list empty for multicast`;
}
