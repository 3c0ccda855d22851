import type { Family } from '../../common/addresses.ts';

/** The interface on which no network is heard: who is told of addresses there is told by a routing daemon. */
export const LOOPBACK = 'lo';

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

/** One VRRP instance as this node is to run it: everything found that the settings leave open. */
export interface VrrpInstance {
  readonly name: string;
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  /** Last number of the multicast group that it speaks in; absent: that of all routers, and by unicast. */
  readonly multicastGroup?: number;
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
  /** It has no address yet, and speaks VRRP in this family. Absent where it has addresses. */
  readonly spare?: Family;
  /** Version 2 only (RFC 3768 had it already removed; keepalived still speaks it). */
  readonly authPassword?: string;
}

/** An instance cannot be run on this node as it is desired, for now at least: an interface or an address is missing. */
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
