import type { IpFamily } from '../../api/ip-family.ts';
import type { AddressOwner, ServiceAddress, ServiceAddressSpec } from '../../api/service-address.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import type { Family } from '../../common/addresses.ts';

/*
 * What is decided about Services of type LoadBalancer, and from what. An address is a claim, an object of its own that is named after the
 * address: whoever creates it first has it, and it outlives the Service.
 */

/** A port that a Service takes connections at. */
export interface ServicePort {
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
  readonly port: number;
}

/** What is known of a Service: of every one, whatever its type, since one that was a load balancer may have something to give up. */
export interface LoadBalancerService {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion?: string;
    readonly createdMs: number;
    /** Whether it has a deletionTimestamp. */
    readonly deleting: boolean;
    readonly finalizers: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  };
  /** Whether the finalizer of load balancers is there because of us: others use the same name. */
  readonly ownFinalizer: boolean;
  readonly type: string;
  readonly loadBalancerClass?: string | undefined;
  /** Those that `wishAnnotations` leaves. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly ipFamilies: readonly IpFamily[];
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  readonly ports: readonly ServicePort[];
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  /** Whether a client is to meet the same pod again (sessionAffinity ClientIP); absent: no. */
  readonly clientIpAffinity?: true;
  /** Where kube-proxy says of each node whether it has a ready endpoint; with externalTrafficPolicy Local alone. */
  readonly healthCheckNodePort?: number | undefined;
  /** Whether endpoints count that are not ready. Absent: no. */
  readonly publishNotReadyAddresses?: boolean | undefined;
  readonly selector: Readonly<Record<string, string>>;
  readonly loadBalancerIP?: string | undefined;
  /** What its spec says, whatever its type. Absent: none. */
  readonly externalIPs?: readonly string[] | undefined;
  /** What its status publishes. */
  readonly ingress: readonly {
    readonly ip?: string | undefined;
    readonly hostname?: string | undefined;
    readonly ipMode?: string | undefined;
  }[];
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration?: number | undefined;
  }[];
}

/** Addresses that a pool can give to Services, by number. */
export interface AddressRanges {
  size(family: Family): number;
  /** In canonical form. */
  at(family: Family, index: number): string;
  /** Asks about an address in canonical form. */
  has(address: string): boolean;
}

/** A pool, as Services see it. */
export interface ServicePool {
  readonly name: string;
  readonly createdMs: number;
  /** Whether it has a deletionTimestamp: it gives nothing any more. */
  readonly deleting: boolean;
  readonly spec: VirtualIpPoolSpec;
  readonly ranges: AddressRanges;
}

/** What the settings say of Services. */
export interface ServicesSettings {
  /** Services of this class are served. */
  readonly loadBalancerClass: string;
  /** Whether those without a class are, too. */
  readonly classless: boolean;
  /** Whether annotations of other load balancers are understood. */
  readonly aliases: boolean;
  /** Whether addresses of pools are placed that Services of any type have in spec.externalIPs. */
  readonly externalIPs: 'Off' | 'InPools';
}

/** All that addresses are given by. Each list is whole: from half of one, an address would be given twice. */
export interface AllocationInput {
  readonly pools: readonly ServicePool[];
  readonly claims: readonly ServiceAddress[];
  readonly services: readonly LoadBalancerService[];
  /** Labels by name. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Addresses in canonical form that no Service may have, with the reason as a sentence that goes on after the address. */
  readonly unavailable: ReadonlyMap<string, string>;
  /** Those of them that a node reports of its interfaces: of another load balancer, perhaps, that is still there. Absent: none. */
  readonly onNodes?: ReadonlySet<string>;
  readonly settings: ServicesSettings;
  /** Wall clock. */
  readonly nowMs: number;
}

/** Why a Service has what it has. */
export type AllocationReason =
  /** It has all that it asks for. */
  | 'Allocated'
  /** The same, but its pool would not give it any more. */
  | 'Kept'
  /** PreferDualStack: it has an address of one family, and gets the other when there is one. */
  | 'AwaitingSecondFamily'
  | 'AddressTaken'
  | 'ConflictingRequest'
  | 'FencedOff'
  | 'InvalidRequest'
  /** Of spec.externalIPs: nobody could say which nodes have endpoints. */
  | 'LocalNotServed'
  | 'NamespaceUnknown'
  | 'NoPool'
  | 'NotAdmitted'
  | 'NotInPool'
  | 'PoolDisabled'
  | 'PoolExhausted'
  | 'SharingRefused'
  /** It is not, or no longer, a load balancer of ours. */
  | 'NotServed';

/** Why something cannot be had. */
export interface Refusal {
  readonly reason: AllocationReason;
  /** What is wrong and what to change. */
  readonly message: string;
}

/** What is said of one Service. */
export interface ServiceVerdict {
  readonly service: LoadBalancerService;
  /** Whether it is ours now: has to have the finalizer and the status. False: it gives up what it had. */
  readonly serves: boolean;
  /** What it has, in canonical form and in the order of its families. */
  readonly addresses: readonly string[];
  /** What it had, or publishes, and has no more by this decision or an earlier one: its status must not have them. */
  readonly released: readonly string[];
  /** Whether it has all that it asks for. */
  readonly ok: boolean;
  readonly reason: AllocationReason;
  /** One sentence; the same as long as nothing changes. */
  readonly message: string;
}

/** An address of spec.externalIPs that something is wrong with. */
export interface ExternalRefusal {
  /** In canonical form. */
  readonly address: string;
  /** Whether it is placed nevertheless: what a Service has it keeps. */
  readonly placed: boolean;
  readonly refusal: Refusal;
}

/** What is said of the addresses that a Service has in spec.externalIPs. */
export interface ExternalVerdict {
  readonly service: LoadBalancerService;
  /** Those that are placed by that field, in canonical form. */
  readonly addresses: readonly string[];
  readonly refused: readonly ExternalRefusal[];
}

/** A claim that has to have an owner still. */
export interface Reliance {
  readonly owner: AddressOwner;
  readonly address: string;
}

/**
 * One write of a claim. An update or a deletion is for the claim as it was read: its resourceVersion has to be a precondition, else an
 * address is taken from a Service that was given it a moment ago.
 */
export type ClaimChange =
  | { readonly kind: 'create'; readonly spec: ServiceAddressSpec; readonly releases: readonly [] }
  | {
      readonly kind: 'update';
      readonly claim: ServiceAddress;
      readonly spec: ServiceAddressSpec;
      /**
       * Owners that are let go, or go on to have the address by something else. Services and claims are followed apart, so that the one may be known in an older state than the other:
       * before the write each of these Services has to be read anew, and if it is not as it was decided by, its status included, the write
       * is left to the next decision.
       */
      readonly releases: readonly AddressOwner[];
      readonly restsOn?: readonly Reliance[];
    }
  | {
      readonly kind: 'delete';
      readonly claim: ServiceAddress;
      readonly releases: readonly AddressOwner[];
      /**
       * A living Service gives an address up because it has others: before the write each of these has to be read anew, too, since claims
       * may be known in an older state than each other. If one is not that Service's any more, the write is left to the next decision.
       */
      readonly restsOn?: readonly Reliance[];
    };

/** What is to be done. */
export interface Allocation {
  /** One for every Service that is ours, and for those that have something of ours to give up; others are none of our business. */
  readonly services: readonly ServiceVerdict[];
  /** One for every Service that has something in spec.externalIPs, where these are placed. */
  readonly external: readonly ExternalVerdict[];
  /** In the order in which they have to be written: a Service has its new address before it gives up the old one. */
  readonly claims: readonly ClaimChange[];
  /** Wall clock: when the next retained claim ends. Absent: none is retained. */
  readonly reviewAtMs?: number | undefined;
}
