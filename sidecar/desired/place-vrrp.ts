import { canonical, familyOf } from '../../common/addresses.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { DesiredVrrp } from './desired.ts';
import { chosenInterface } from './interface-choice.ts';
import type { ResolveContext, UnicastPlacement } from './placement.ts';
import { InstanceError, LOOPBACK, type VirtualAddress } from './vrrp-instance.ts';

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
  if (vrrp.unicastPeers.length === 0) return { interface: named ?? interfaceOf(addresses, subnets, context) };
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

/** That of the first address. Where routers are told of addresses on lo, it is the one by which other nodes know this one. */
function interfaceOf(
  addresses: readonly VirtualAddress[],
  subnets: NodeSubnets,
  { nodeAddress }: ResolveContext,
): string {
  const on = addresses[0]?.interface ?? '';
  if (on !== LOOPBACK) return on;
  const { defaultInterface } = subnets.network;
  return subnets.ownerOf(nodeAddress) ?? defaultInterface[4] ?? defaultInterface[6] ?? on;
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
