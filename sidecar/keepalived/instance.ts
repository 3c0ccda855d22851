import { canonical, type Family } from '../../common/addresses.ts';

/** By what an interface was found; see {@link resolveInstance}. */
export type FoundBy = 'name' | 'subnet' | 'route';

/** A virtual address and where it goes. */
export interface VirtualAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly family: Family;
  readonly interface: string;
  /** Absent where it is of no concern. */
  readonly found?: FoundBy;
}

/** What is asked of a VRRP instance, before it is known what this node's network makes of it. */
export interface InstanceWish {
  readonly name: string;
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  readonly advertIntervalSeconds: number;
  /** Interface that VRRP is spoken on, by name or MAC address; empty: the one of the first address. */
  readonly interface: string;
  /** Interface of the addresses, by name or MAC address; empty: found by subnet. */
  readonly addressInterface: string;
  /** With or without a prefix. */
  readonly addresses: readonly string[];
  /** Empty: multicast. */
  readonly unicastPeers: readonly string[];
  /** Whether the peers are the other nodes only, who know this one by its address in Kubernetes; else this node is one of them. */
  readonly peersAreOthers?: boolean;
  /** What the user calls these, for messages. */
  readonly fields: WishFields;
}

/** Names of the fields that a wish came from. */
export interface WishFields {
  readonly addresses: string;
  readonly addressInterface: string;
  readonly interface: string;
  readonly unicastPeers: string;
  /** The one to set where no interface is found. */
  readonly choice: string;
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
  /**
   * The node has one of the addresses as its own: it holds none of them, and says with the priority of an address' owner (RFC 9568 section
   * 5.2.4) that nobody else may. The family is that in which VRRP is spoken.
   */
  readonly objects?: Family;
  /** Version 2 only (RFC 3768 had it already removed; keepalived still speaks it). */
  readonly authPassword?: string;
}

/** A wish cannot be carried out on this node, for now at least: an interface or an address is missing. */
export class InstanceError extends Error {
  readonly code: string = 'INSTANCE_UNRESOLVED';
}

/** A virtual address is some node's own: it must not be touched, whatever ran before. */
export class OwnAddressError extends InstanceError {
  override readonly code = 'INSTANCE_OWN_ADDRESS';
  /** Whether it is this node that has it. */
  readonly here: boolean;

  constructor(message: string, { here }: { readonly here: boolean }) {
    super(message);
    this.here = here;
  }
}

/** The addresses of wishes in canonical form, without prefixes. */
export function virtualAddresses(wishes: readonly Pick<InstanceWish, 'addresses'>[]): Set<string> {
  return new Set(wishes.flatMap(({ addresses }) => addresses.map((text) => canonical(text))));
}
