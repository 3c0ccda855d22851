import { poolInstance } from '../../api/instances.ts';
import type { PlannedApart, PlannedInstance, PlannedLoopback, PlannedPool, PlannedSpare } from '../../api/node-plan.ts';
import { familyOf, type ParsedAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { DraftGroup } from './grouping.ts';
import type { Member } from './handover.ts';
import type { LoopbackShare } from './loopback.ts';
import type { Demand, NodePlanContent, PlanningNode } from './types.ts';

/** A group, and who runs its instance. */
export interface StaffedGroup {
  readonly demand: Demand;
  readonly group: DraftGroup;
  readonly members: readonly Member[];
}

interface Draft {
  readonly pools: Map<string, PlannedPool>;
  readonly instances: PlannedInstance[];
  readonly spares: PlannedSpare[];
  readonly apart: PlannedApart[];
  readonly loopback: PlannedLoopback[];
}

/** What a node is told of an instance whether it has addresses or not. */
function plannedBase({ demand, group }: StaffedGroup, { rank, leaving }: Member) {
  return {
    name: poolInstance(demand.name, group.slot),
    pool: demand.name,
    virtualRouterId: group.virtualRouterId,
    rank,
    ...(leaving ? { leaving } : {}),
  };
}

function plannedPeers({ peers }: Member): { readonly peers?: string[] } {
  return peers === undefined ? {} : { peers: [...peers] };
}

function givenAddresses({ addresses }: DraftGroup): string[] {
  return addresses.map(({ given }) => given);
}

function plannedInstance(staffed: StaffedGroup, member: Member): PlannedInstance {
  return { ...plannedBase(staffed, member), addresses: givenAddresses(staffed.group), ...plannedPeers(member) };
}

function plannedApart(staffed: StaffedGroup, multicastGroup: number, member: Member): PlannedApart {
  return { ...plannedBase(staffed, member), multicastGroup, addresses: givenAddresses(staffed.group) };
}

function plannedSpare(staffed: StaffedGroup, { address: like }: ParsedAddress, member: Member): PlannedSpare {
  return { ...plannedBase(staffed, member), like, ...plannedPeers(member) };
}

/**
 * kube-proxy says at addresses of a Service's family alone whether there is an endpoint; a node asks at its first address unless it is told
 * another.
 */
function hostOf({ endpointFamily }: Demand, node: PlanningNode | undefined): { readonly host?: string } {
  const [first = '', ...others] = node?.addresses ?? [];
  if (endpointFamily === undefined || first === '' || familyOf(first) === endpointFamily) return {};
  const host = others.find((address) => familyOf(address) === endpointFamily);
  return host === undefined ? {} : { host };
}

/** Which endpoints a node has, and whether others that may have the addresses have any. */
function endpointsOf({ endpoints }: Demand, nodes: readonly string[], node: string) {
  if (endpoints === undefined) return {};
  const elsewhere = nodes.some((other) => other !== node && (endpoints.get(other) ?? []).length > 0);
  return { endpoints: [...(endpoints.get(node) ?? [])], ...(elsewhere ? { elsewhere } : {}) };
}

/** A node by its name, and what is known of it. */
interface NodeNamed {
  readonly name: string;
  readonly node: PlanningNode | undefined;
}

/** What a node's plan has of a demand besides its groups. @param among names of the nodes that may have its addresses */
function plannedPool(demand: Demand, among: readonly string[], on: NodeNamed): PlannedPool {
  const { name, settings } = demand;
  const { localEndpoints } = settings;
  if (localEndpoints === undefined) return { name, ...settings };
  const asked = { ...localEndpoints, ...hostOf(demand, on.node), ...endpointsOf(demand, among, on.name) };
  return { name, ...settings, localEndpoints: asked };
}

/** What goes to lo stands beside its pool, of which it has all but where its endpoints are. */
function poolOfShare({ name, settings: { ofPool = name, localEndpoints: _, ...settings } }: Demand): PlannedPool {
  return { name: ofPool, ...settings };
}

function plannedLoopback({ demand, addresses, nodes }: LoopbackShare, on: NodeNamed): PlannedLoopback {
  const { name, ofPool = name, localEndpoints } = plannedPool(demand, nodes, on);
  const elected = demand.replicas === undefined ? {} : { elected: true };
  return { name, pool: ofPool, ...(localEndpoints === undefined ? {} : { localEndpoints }), ...elected, addresses };
}

/** What a draft comes to; where nothing is spare, apart or goes to lo, nothing is said of it. */
function contentOf({ pools, instances, spares, apart, loopback }: Draft): NodePlanContent {
  return {
    ...{ pools: [...pools.values()], instances },
    ...(spares.length === 0 ? {} : { spares }),
    ...(apart.length === 0 ? {} : { apart }),
    ...(loopback.length === 0 ? {} : { loopback }),
  };
}

function addTo({ instances, spares, apart }: Draft, staffed: StaffedGroup, member: Member): void {
  const { like, multicastGroup } = staffed.group;
  if (like !== undefined) spares.push(plannedSpare(staffed, like, member));
  else if (multicastGroup !== undefined) apart.push(plannedApart(staffed, multicastGroup, member));
  else instances.push(plannedInstance(staffed, member));
}

/** What every node is to do, as it comes together. */
class Drafts {
  readonly #nodes: ReadonlyMap<string, PlanningNode>;
  readonly #drafts = new Map<string, Draft>();

  constructor(nodes: ReadonlyMap<string, PlanningNode>) {
    this.#nodes = nodes;
  }

  /** By the node's name, sorted. */
  get contents(): Map<string, NodePlanContent> {
    const sorted = [...this.#drafts].sort(([a], [b]) => compareText(a, b));
    return new Map(sorted.map(([node, draft]) => [node, contentOf(draft)]));
  }

  of(node: string): Draft {
    const draft = this.#drafts.get(node) ?? { pools: new Map(), instances: [], spares: [], apart: [], loopback: [] };
    this.#drafts.set(node, draft);
    return draft;
  }

  add(staffed: StaffedGroup): void {
    const { demand, members } = staffed;
    const among = members.map(({ node }) => node);
    for (const member of members) {
      const draft = this.of(member.node);
      if (!draft.pools.has(demand.name))
        draft.pools.set(demand.name, plannedPool(demand, among, this.#named(member.node)));
      addTo(draft, staffed, member);
    }
  }

  share(share: LoopbackShare): void {
    const pool = poolOfShare(share.demand);
    for (const node of this.#nodesOf(share)) {
      const draft = this.of(node);
      if (!draft.pools.has(pool.name)) draft.pools.set(pool.name, pool);
      draft.loopback.push(plannedLoopback(share, this.#named(node)));
    }
  }

  /** Where nodes are elected, those that can be, or that were and are to leave. */
  #nodesOf({ demand, nodes }: LoopbackShare): readonly string[] {
    if (demand.replicas === undefined) return nodes;
    const running = [...this.#drafts].filter(([, { spares }]) => spares.some(({ pool }) => pool === demand.name));
    return running.map(([node]) => node);
  }

  #named(name: string): NodeNamed {
    return { name, node: this.#nodes.get(name) };
  }
}

/**
 * Turns groups into what each node is to do.
 * @param groups in the order in which a plan is to list them
 * @param shares what goes to lo, in the order in which a plan is to list it
 * @param nodes by name
 * @param alsoNodes nodes that get a plan in any case, an empty one if there is nothing to do
 * @returns by the node's name, sorted
 */
export function planNodes(
  groups: readonly StaffedGroup[],
  shares: readonly LoopbackShare[],
  nodes: ReadonlyMap<string, PlanningNode>,
  alsoNodes: Iterable<string>,
): Map<string, NodePlanContent> {
  const drafts = new Drafts(nodes);
  for (const node of alsoNodes) drafts.of(node);
  for (const group of groups) drafts.add(group);
  for (const share of shares) drafts.share(share);
  return drafts.contents;
}
