import type { NodePlanSpec, PlannedPool } from '../../api/node-plan.ts';
import type { AddressGroup, NodeSelector, Toleration } from '../../api/virtual-ip-pool.ts';
import type { Family } from '../../common/addresses.ts';

/*
 * What the planner takes and gives. It has no clock, no file and no socket, and remembers nothing: what must survive a plan is in the
 * demands' last groups and in the nodes' last plans, which come in again with the next input.
 */

/** A taint of a node, in Kubernetes' terms. */
export interface Taint {
  readonly key: string;
  readonly value?: string | undefined;
  readonly effect: string;
}

/** What of a node matters for a plan. */
export interface PlanningNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** `spec.unschedulable`: cordoned. */
  readonly unschedulable: boolean;
  /** Its own IP addresses, those that its VRRP packets may come from; without prefixes. */
  readonly addresses: readonly string[];
  /** Further addresses by which it is known, which its packets do not come from; without prefixes. Absent: none. */
  readonly externalAddresses?: readonly string[];
  /** Whether a sidecar's pod is assigned to it. */
  readonly hasSidecar: boolean;
}

/** Both ends belong to it. */
export interface RouterIdRange {
  readonly first: number;
  readonly last: number;
}

/** Which nodes may hold addresses, and how these are spread over them. */
export interface Placement {
  /** Empty: every node that has a sidecar. */
  readonly nodeSelector: NodeSelector;
  readonly tolerations: readonly Toleration[];
  /** Label of nodes in which the first and the second node of an address are to differ; undefined: no matter. */
  readonly topologyKey: string | undefined;
}

/** A group of the last plan, and the multicast group that it speaks in; absent: that of all routers. */
export interface RememberedGroup extends AddressGroup {
  readonly multicastGroup?: number;
}

/** What a NodePlan has of a demand besides its groups. */
export type DemandSettings = Omit<PlannedPool, 'name'>;

/** An endpoint that a connection can be held to. */
export type NodeEndpoint = NonNullable<NonNullable<PlannedPool['localEndpoints']>['endpoints']>[number];
/** Endpoints by the node that they are on. */
export type NodeEndpoints = ReadonlyMap<string, readonly NodeEndpoint[]>;

/** A group that is there before it has an address: by the time one comes, its VRRP instance has a node. */
export interface SpareGroup {
  /** An address as it may get, without a prefix: where its VRRP is spoken is found by it. */
  readonly like: string;
  /** Whether an address, in canonical form, belongs where that one does, so that it may join the group. */
  readonly fits: (address: string) => boolean;
}

/**
 * Addresses that somebody asks for. They are put into groups that move together, each with a VRRP instance; all groups of a demand are
 * placed alike, so what is to be placed otherwise is a demand of its own.
 */
export interface Demand {
  /** No two share one: instances are named by it. */
  readonly name: string;
  /** Of two that ask for one address the older gets it. Milliseconds since 1970; Infinity: nothing is younger. */
  readonly createdMs: number;
  /** As somebody wrote them, with or without a prefix; what is no virtual address is refused. */
  readonly addresses: readonly string[];
  /** Those of them that Services have, in canonical form: no other demand gets them, however old. Absent: none. */
  readonly ofServices?: ReadonlySet<string>;
  /** Why it cannot be carried out at all, in a sentence; undefined: it can. */
  readonly problem: string | undefined;
  /** Hosts that its health check asks: none may be a virtual address. */
  readonly checkedHosts: readonly string[];
  readonly placement: Placement;
  /** Whether its nodes speak to each other by unicast, else by multicast. */
  readonly unicast: boolean;
  /** Where its router ids come from; undefined: the common range. */
  readonly virtualRouterIds: RouterIdRange | undefined;
  /** Every node that may hold the addresses has them on lo while it is fit: they need no groups. Absent: one node has an address. */
  readonly everywhere?: true;
  /** Of `everywhere`: so many nodes at most have them, which have been elected to; absent: all. */
  readonly replicas?: number;
  /**
   * Its new groups speak in the settings' multicast group for it, where there is one, it is not by unicast and its groups have its addresses. Absent: in that of all routers.
   */
  readonly apart?: true;
  /** How many groups it may have; absent: as many as the settings allow. */
  readonly maxGroups?: number;
  /** It is to have one group more than its addresses need, while it may have more groups. Absent: none. */
  readonly spare?: SpareGroup;
  readonly settings: DemandSettings;
  /** At addresses of which family nodes are to ask for endpoints of their own; absent: at any. */
  readonly endpointFamily?: Family;
  /** Endpoints that nodes are to hold connections to; absent: none are held. */
  readonly endpoints?: NodeEndpoints;
  /** Its groups in the last plan, one without addresses among them: the plan's memory. */
  readonly previousGroups: readonly RememberedGroup[];
}

/** The controller's settings that a plan depends on. */
export interface PlanSettings {
  /** Where router ids come from when a demand has no range of its own. */
  readonly virtualRouterIds: RouterIdRange;
  /** Last number of the multicast group for demands that are apart; absent: there is none. */
  readonly multicastGroup?: number;
  /** What the release's single virtual address uses; no demand gets it. Addresses without a prefix. */
  readonly reserved: { readonly addresses: readonly string[]; readonly virtualRouterIds: readonly number[] };
  readonly maxGroupsPerPool: number;
  /** Nodes that run a group's VRRP instance, at most. */
  readonly maxCandidates: number;
}

/** What the nodes' last plans have of one group, and what they have made of it. */
export interface Assignment {
  /** Peers in the last plan of each node that has the group's instance in it, by the node's name; empty: multicast. */
  readonly previousPeers: ReadonlyMap<string, readonly string[]>;
  /** Whether everyone concerned runs its last plan: the nodes that have the instance in it, and their peers. */
  readonly observedByAll: boolean;
  /** Nodes that report one of the group's addresses on an interface. */
  readonly heldBy: ReadonlySet<string>;
}

/** Addresses of demands that are nodes' own by what those nodes say, each with the node's name. In canonical form. */
export interface NodeAddresses {
  /** Nobody gets these. */
  readonly counting: ReadonlyMap<string, string>;
  /** It was said of an address that others hold: the demand keeps it, and that is said. */
  readonly disputed: ReadonlyMap<string, string>;
}

/** Everything that a plan rests on. The order of lists does not matter. */
export interface PlanInput {
  readonly demands: readonly Demand[];
  /** All nodes of the cluster: from a part of them no plan may be made, because it would drop candidates and peers. */
  readonly nodes: readonly PlanningNode[];
  readonly settings: PlanSettings;
  /** By the instance's name, see `assignmentsOf`. A group that is not in it is in nobody's plan. */
  readonly assignments: ReadonlyMap<string, Assignment>;
  /** Router ids that routers outside of the cluster are reported to use. */
  readonly foreignRouterIds: ReadonlySet<number>;
  /** Groups of the last plan whose demands are no more: they go along with their addresses. Absent: none. */
  readonly departed?: readonly RememberedGroup[];
  /** Router ids of which that was said without being believed: new groups get one only where there is no other. Absent: none. */
  readonly doubtfulRouterIds?: ReadonlySet<number>;
  /** Absent: no node said anything. */
  readonly nodeAddresses?: NodeAddresses;
  /** By node: its own addresses with their prefixes, as it says. Absent: no node said anything. */
  readonly nodeSubnets?: ReadonlyMap<string, readonly string[]>;
}

/** An address of a demand that it may have. */
export interface PlannedAddress {
  /** As the kernel shows it, without a prefix; by this form addresses are compared. */
  readonly address: string;
  /** As the demand has it. */
  readonly given: string;
  /** The group it is in; undefined when there is no router id for one, and where every node has it. */
  readonly slot: number | undefined;
}

/** An address that is left out of the plan. */
export interface RefusedAddress {
  /** As the demand has it. */
  readonly address: string;
  /** In a sentence, with what to do. */
  readonly reason: string;
  /** Name of the demand that has it; undefined where it is nobody's. */
  readonly claimedBy: string | undefined;
}

/** What stands in the way of a good plan. */
export type ProblemKind =
  /** No node may hold the addresses. */
  | 'NoEligibleNode'
  /** The selector chooses nodes that run no sidecar. */
  | 'NodesWithoutAgent'
  /** Not every address could be put into a group. */
  | 'RouterIdsExhausted'
  /** A router outside of the cluster uses a router id of the demand. */
  | 'ForeignRouter'
  /** Nodes differ by more than one address. */
  | 'CoarseSpread'
  /** Unicast, but there is no other node to speak to. */
  | 'NoPeers'
  /** A node says that an address is its own, which was held for the demand before. */
  | 'NodeAddress'
  /** Unicast, but nodes lack an address of the group's family. */
  | 'NoPeerAddress'
  /** Every node is to have an address that is in the subnet of one. */
  | 'OnLinkAddress'
  /** Every node is to have the addresses, and all are cordoned. */
  | 'EveryNodeCordoned'
  /** Fewer nodes may hold the addresses than are to have them at once. */
  | 'FewerNodesThanReplicas'
  /** Every node is to have more addresses than a plan has room for. */
  | 'TooManyAddresses';

export interface Problem {
  readonly kind: ProblemKind;
  /** In a sentence, with what to do. */
  readonly message: string;
}

/** A node that runs an instance later, or longer, than the order of preference says. See handover.ts. */
export interface PendingMember {
  readonly instance: string;
  readonly node: string;
  /** `joins`: its plan does not have it yet; `leaves`: its plan still has it. */
  readonly state: 'joins' | 'leaves';
}

/** The plan for one demand. */
export interface DemandPlan {
  readonly name: string;
  /** Name of the pool that its addresses are of. */
  readonly pool: string;
  /** Every node that may hold the addresses has them while it is fit, and elected where that is asked for; absent: one. */
  readonly everywhere?: true;
  /** Of `everywhere`: those have them that are elected; absent: all. */
  readonly elected?: true;
  /** To be remembered for the next plan; its addresses in the form of {@link PlannedAddress.address}, none for a spare one. */
  readonly groups: readonly RememberedGroup[];
  /** Names, sorted; cordoned nodes included. */
  readonly eligibleNodes: readonly string[];
  /** Addresses that are not refused, in the order of their numbers. */
  readonly addresses: readonly PlannedAddress[];
  readonly refused: readonly RefusedAddress[];
  readonly problems: readonly Problem[];
  /** Not empty: a plan made when these have moved on looks different. */
  readonly pending: readonly PendingMember[];
}

/** A node's plan without the digest that identifies it. */
export type NodePlanContent = Omit<NodePlanSpec, 'plan'>;

/** What is to be written. */
export interface Plan {
  /** By name. */
  readonly demands: ReadonlyMap<string, DemandPlan>;
  /**
   * By name. Also nodes with nothing to do whose last plan had something: until such a node has reported its empty plan as
   * carried out, its peers count on its answering.
   */
  readonly nodes: ReadonlyMap<string, NodePlanContent>;
}
