import { canonical, familyOf, HOST_PREFIX_LENGTH } from '../../common/addresses.ts';
import type { NodeSubnets } from '../network/node-subnets.ts';
import type { DesiredVrrp } from './desired.ts';
import { chosenInterface, interfacesOf } from './interface-choice.ts';
import type { Placement, ResolveContext } from './placement.ts';
import { type FoundBy, InstanceError, LOOPBACK, type VirtualAddress } from './vrrp-instance.ts';

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
  { starting = false }: ResolveContext,
): Found {
  const subnet = subnets.containing(address);
  if (subnet !== undefined) return { ...subnet, found: 'subnet' };
  const byRoute = subnets.network.defaultInterface[familyOf(address)];
  if (byRoute !== undefined && starting) {
    throw new InstanceError(
      `${fields.addresses}: no interface of this node has a subnet with ${address} yet; in some seconds it is taken for one that is routed to ${byRoute}`,
    );
  }
  if (byRoute !== undefined) return { interface: byRoute, found: 'route' };
  throw new InstanceError(
    `${fields.addresses}: no interface of this node has a subnet with ${address}, and there is no default route; ` +
      `set ${fields.choice} to one of ${interfacesOf(subnets)}`,
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
  // With a shorter one the whole subnet would be this node's own.
  if (on === LOOPBACK) return HOST_PREFIX_LENGTH[familyOf(address)];
  const subnet = subnets.containing(address, on);
  if (familyOf(address) === 6)
    return given === undefined ? (subnet?.prefixLength ?? HOST_PREFIX_LENGTH[6]) : Number(given);
  return given === undefined || subnet !== undefined || found === 'subnet' ? HOST_PREFIX_LENGTH[4] : Number(given);
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
  const isHost = last.prefixLength === HOST_PREFIX_LENGTH[familyOf(last.address)];
  return given === undefined || isHost || last.prefixLength === Number(given) ? last.prefixLength : undefined;
}
