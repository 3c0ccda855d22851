import { canonical } from '../../common/addresses.ts';
import type { CheckSpec } from '../checks/check-spec.ts';
import type { CheckEffect, FitnessPolicy } from '../fitness/fitness.ts';

/** What a node is to do, before it is fitted to the node's network. Each source gives a part of it. */
export interface Desired {
  /** In the order in which keepalived's configuration has them. */
  readonly instances: readonly DesiredInstance[];
  /** What is to be on lo, whoever else has it. */
  readonly loopback: readonly DesiredLoopback[];
  /** What is to be checked, by keys: two instances that need the same check share one. */
  readonly checks: ReadonlyMap<string, CheckSpec>;
  /** The pools that the node takes part in. */
  readonly pools: readonly DesiredPool[];
  /** Problems of what is asked for, in sentences. */
  readonly problems: readonly string[];
  /** The plan that is carried out with it; null when it comes of none. */
  readonly plan: string | null;
}

/** A pool, and the keys of the checks that are its own. */
interface DesiredPool {
  readonly name: string;
  /** Of its service. */
  readonly check: string;
  /** Whether the node has an endpoint of its Services; absent where that does not count. */
  readonly localEndpoints?: string;
  /** Of endpoints that the node has, to which connections are held; absent where none are. */
  readonly heldEndpoints?: readonly string[];
}

/** A check by its key, and what it means when it fails. */
export interface DesiredCheck {
  readonly key: string;
  readonly effect: CheckEffect;
  /** It is not this check's word that counts, but that of the connections held to the endpoints of this pool. */
  readonly heldOf?: string;
}

/** A VRRP instance that a node is to run, with everything in which it may differ from others. */
export interface DesiredInstance {
  readonly name: string;
  readonly vrrp: DesiredVrrp;
  /** Place of the node in the order of preference, 0 is first. */
  readonly rank: number;
  /** The node shall give the addresses away, although it is well. */
  readonly leaving: boolean;
  /** What its fitness rests on. */
  readonly checks: readonly DesiredCheck[];
  readonly policy: FitnessPolicy;
  /** Since when the node counts as up for it, by the clock of performance.now(); absent: since the first decision. */
  readonly upSinceMs?: number;
  /**
   * Whether it goes on as it ran last while it cannot be run as it is desired now. Not where an address may meanwhile have been given to
   * another instance or node.
   */
  readonly keepsLastGood: boolean;
  /** Instances of the same group share their delays of failback: one that comes later need not prove again that the node is well. */
  readonly failbackGroup?: string;
  readonly shown: Shown;
  /** Its master has on lo what goes by this name, see {@link DesiredLoopback}; absent: its addresses are its own. */
  readonly elects?: string;
  /** What lines of log call it by; absent where they need no name. */
  readonly label?: string;
}

/** Addresses that are to be on lo while the node is fit to serve them, and elected where that is asked for. */
export interface DesiredLoopback {
  /** No two share one. */
  readonly name: string;
  /** The pool that they are of. */
  readonly pool: string;
  /** In canonical form, without prefixes. */
  readonly addresses: readonly string[];
  /** Only while the node is master of an instance that elects for it; absent: whoever else has them. */
  readonly elected?: true;
  /** What its fitness rests on. */
  readonly checks: readonly DesiredCheck[];
  readonly policy: FitnessPolicy;
}

/** Where an instance is shown: as the node's own state, those of the control plane each by itself besides, or among those of pools. */
export type Shown =
  | { readonly as: 'node'; readonly of?: 'controlPlane' }
  | { readonly as: 'pool'; readonly pool: string };

/** How an instance is to speak VRRP. While that stays the same, its last configuration stays right. */
export interface DesiredVrrp {
  readonly version: 2 | 3;
  readonly virtualRouterId: number;
  /** Last number of the multicast group that it speaks in; absent: that of all routers. */
  readonly multicastGroup?: number;
  readonly advertIntervalSeconds: number;
  /** Interface that VRRP is spoken on, by name or MAC address; empty: the one of the first address. */
  readonly interface: string;
  /** Interface of the addresses, by name or MAC address; empty: found by subnet. */
  readonly addressInterface: string;
  /** With or without a prefix. */
  readonly addresses: readonly string[];
  /** Of an instance that has no address yet: one as it may get, without a prefix. VRRP is spoken where it would be. */
  readonly like?: string;
  /** Empty: multicast. */
  readonly unicastPeers: readonly string[];
  /** Whether the peers are the other nodes only, who know this one by its address in Kubernetes; else this node is one of them. */
  readonly peersAreOthers: boolean;
  /** File with the password of VRRP version 2; empty: none. */
  readonly authPasswordFile: string;
  readonly fields: FieldNames;
}

/** What the user calls the fields that an instance came from, for messages. */
export interface FieldNames {
  readonly addresses: string;
  readonly addressInterface: string;
  readonly interface: string;
  readonly unicastPeers: string;
  readonly authPassword: string;
  /** The one to set where no interface is found. */
  readonly choice: string;
}

/** How keepalived is to run, whatever it runs. */
export interface KeepalivedOptions {
  /** Where its supervisor asks whether the sidecar lives and its decisions are in the track files. */
  readonly pulseUrl: string;
  readonly debug: boolean;
}

/** Everything desired of this node: what it is to run, and how keepalived is to run it. */
export interface DesiredNode {
  readonly desired: Desired;
  readonly keepalived: KeepalivedOptions;
}

/** The desired addresses in canonical form, without prefixes. */
export function virtualAddresses({ instances, loopback }: Pick<Desired, 'instances' | 'loopback'>): Set<string> {
  const byVrrp = instances.flatMap(({ vrrp }) => vrrp.addresses.map((text) => canonical(text)));
  return new Set([...byVrrp, ...loopback.flatMap(({ addresses }) => addresses)]);
}
