import { canonical, type Family, familyOf, reserved4 } from '../../common/addresses.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { DesiredInstance, DesiredVrrp } from './desired.ts';
import { passwordOf } from './password.ts';
import { placeAddresses } from './place-addresses.ts';
import { placeVrrp } from './place-vrrp.ts';
import { type Placement, placementOf, type ResolveContext } from './placement.ts';
import { InstanceError, OwnAddressError, type VirtualAddress, type VrrpInstance } from './vrrp-instance.ts';

/** The instance that keepalived is to run on this node, and what it lacks all the same. */
export interface Outcome {
  readonly instance: VrrpInstance;
  /** Where everything was found, for the next time. */
  readonly placement: Placement;
  readonly shortcomings: readonly Shortcoming[];
}

/** What an instance lacks while it runs: it waits in FAULT, or serves with a part of its addresses. */
export interface Shortcoming {
  readonly message: string;
  /** Whether an address cannot be carried: the node is then less fit than one that carries them all. */
  readonly incomplete: boolean;
}

/** Refuses what must not be touched, and what would make keepalived refuse the whole configuration. */
function refuseUnusable(vrrp: DesiredVrrp, subnets: NodeSubnets, context: ResolveContext): void {
  for (const text of vrrp.addresses) {
    const address = canonical(text);
    refuseOwn(address, vrrp.fields.addresses, subnets, context);
    refuseOldVersion(address, vrrp);
  }
  if (vrrp.like !== undefined) refuseOldVersion(canonical(vrrp.like), vrrp);
}

function refuseOldVersion(address: string, { version, fields }: DesiredVrrp): void {
  if (familyOf(address) === 6 && version === 2) {
    throw new InstanceError(`${fields.addresses}: ${address} is IPv6, which needs version 3 of VRRP`);
  }
}

function refuseOwn(address: string, field: string, subnets: NodeSubnets, context: ResolveContext): void {
  const { nodesByAddress, before } = context;
  const owner = subnets.ownerOf(address);
  if (owner !== undefined) {
    throw new OwnAddressError(
      `${field}: ${address} is an address of this node's own, on ${owner}, and stays as it is; give a free address of the ` +
        'network. If it was put there by hand for the time being, remove it: it is then taken over',
      { here: true },
    );
  }
  // A kubelet that started while its node held the address may have listed it as the node's: what runs already is not doubted for that.
  const runs = before?.addresses.some((one) => one.address === address) === true;
  const node = nodesByAddress?.get(address);
  if (node === undefined || runs) return;
  throw new OwnAddressError(
    `${field}: ${address} is the address of the node ${node}; give a free address of the network`,
    { here: false },
  );
}

/** The address must be one that a host can have, which depends on the subnet when no prefix is given. */
function refuseReserved({ address, family, interface: on }: VirtualAddress, subnets: NodeSubnets, field: string): void {
  const subnet = family === 4 ? subnets.containing(address, on) : undefined;
  const reserved = subnet && reserved4(address, subnet.prefixLength);
  if (reserved === undefined) return;
  const kind = Object.entries(reserved).find(([, one]) => one === address)?.[0];
  if (kind === undefined) return;
  throw new InstanceError(
    `${field}: ${address} is the ${kind} address of ${on}'s subnet ${reserved.network}/${subnet?.prefixLength}; ` +
      'give a free address of a host',
  );
}

/** The family that VRRP is spoken in by multicast: that of the address that is advertised. */
function multicastFamily(addresses: readonly VirtualAddress[]): Family {
  return addresses.some(({ family }) => family === 4) ? 4 : 6;
}

function speaking(instance: VrrpInstance, subnets: NodeSubnets, { fields }: DesiredVrrp): Shortcoming[] {
  const { interface: on, unicast, spare } = instance;
  if (subnets.interface(on)?.carrier === false) {
    return [{ message: `${on}, on which VRRP is spoken, is down or has no cable; waiting for it`, incomplete: false }];
  }
  if (unicast !== undefined) return [];
  const family = spare ?? multicastFamily(instance.addresses);
  if (subnets.canSpeak(on, family)) return [];
  const message =
    `${on} has no IPv${family} address of its own, and VRRP by multicast needs one to send from: ` +
    `give it one, or set ${fields.choice} to an interface that has one`;
  return [{ message, incomplete: false }];
}

/** What keeps the node from carrying an address where it belongs. */
function carrying(
  { address, family, interface: on, found }: VirtualAddress,
  { interface: speaksOn }: VrrpInstance,
  subnets: NodeSubnets,
  { fields }: DesiredVrrp,
): Shortcoming[] {
  const { ipv6Disabled, carrier } = subnets.interface(on) ?? {};
  const short = (why: string) => [{ message: `${fields.addresses}: ${address} ${why}`, incomplete: true }];
  if (family === 6 && ipv6Disabled === true) {
    return short(`cannot be put on ${on}: IPv6 is switched off there (net.ipv6.conf.${on}.disable_ipv6)`);
  }
  // Where VRRP is spoken, keepalived notices it and deals with it.
  if (on !== speaksOn && carrier === false) return short(`cannot be reached on ${on}: it is down or has no cable`);
  if (found === 'subnet' && subnets.containing(address, on) === undefined) {
    return short(`belongs to ${on}, which has no address of its subnet at the moment; waiting for that`);
  }
  return [];
}

/** What of an instance is the same, however it is to run. */
function spoken({ version, virtualRouterId, multicastGroup, advertIntervalSeconds }: DesiredVrrp) {
  const common = { version, virtualRouterId, advertIntervalSeconds };
  return multicastGroup === undefined ? common : { ...common, multicastGroup };
}

function authentication(vrrp: DesiredVrrp, { passwords }: ResolveContext): Pick<VrrpInstance, 'authPassword'> {
  const authPassword = passwordOf(vrrp, passwords);
  return authPassword === undefined ? {} : { authPassword };
}

/**
 * The instance that a node runs instead of one with an address of its own. It keeps the other nodes, which cannot know, from taking that
 * address. Pure.
 * @returns undefined where it is not known where to speak, either
 */
export function objectionTo(
  { name, vrrp }: DesiredInstance,
  subnets: NodeSubnets,
  context: ResolveContext,
): VrrpInstance | undefined {
  try {
    const addresses = placeAddresses(vrrp, subnets, context);
    const { interface: on, unicast } = placeVrrp(vrrp, addresses, subnets, context);
    return {
      ...{ name: `${name}_objection`, ...spoken(vrrp), interface: on, addresses: [] },
      objects: unicast === undefined ? multicastFamily(addresses) : familyOf(unicast.sourceAddress),
      ...(unicast === undefined ? {} : { unicast: { sourceAddress: unicast.sourceAddress, peers: unicast.peers } }),
      ...authentication(vrrp, context),
    };
  } catch (error) {
    if (error instanceof InstanceError) return undefined;
    throw error;
  }
}

/** Where the addresses are, and, of an instance without any, where one would be. */
function placed(vrrp: DesiredVrrp, subnets: NodeSubnets, context: ResolveContext): VirtualAddress[] {
  const { like } = vrrp;
  return placeAddresses(like === undefined ? vrrp : { ...vrrp, addresses: [like] }, subnets, context);
}

/** An instance without addresses: in which family it is to speak. */
function spareFamily({ like }: DesiredVrrp, source: string | undefined): Pick<VrrpInstance, 'spare'> {
  return like === undefined ? {} : { spare: familyOf(source ?? like) };
}

/**
 * Finds what is left open of a desired instance: interfaces, prefixes, this node among the peers. Pure.
 *
 * An instance belongs to an interface by the strongest thing known: named, the own address in the list of peers, the longest subnet that
 * contains the address, the default route. What was found once stays while the interface exists: an address that comes or goes moves nothing.
 * @throws {InstanceError} when the node's network does not allow it
 */
export function resolveInstance(
  { name, vrrp }: DesiredInstance,
  subnets: NodeSubnets,
  context: ResolveContext,
): Outcome {
  refuseUnusable(vrrp, subnets, context);
  const places = placed(vrrp, subnets, context);
  const addresses = vrrp.like === undefined ? places : [];
  for (const address of addresses) refuseReserved(address, subnets, vrrp.fields.addresses);
  const { interface: on, unicast: place } = placeVrrp(vrrp, places, subnets, context);
  const instance: VrrpInstance = {
    ...{ name, ...spoken(vrrp), interface: on, addresses },
    ...(place === undefined ? {} : { unicast: { sourceAddress: place.sourceAddress, peers: place.peers } }),
    ...spareFamily(vrrp, place?.sourceAddress),
    ...authentication(vrrp, context),
  };
  const shortcomings = [
    ...speaking(instance, subnets, vrrp),
    ...addresses.flatMap((address) => carrying(address, instance, subnets, vrrp)),
  ];
  const unicast = place && { sourceAddress: place.sourceAddress, interface: place.interface, own: place.own };
  return { instance, placement: placementOf(instance, unicast), shortcomings };
}
