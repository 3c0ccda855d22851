import { virtualAddressProblem } from '../../api/addresses.ts';
import { addressOfHost, VIRTUAL_TARGET } from '../../api/hosts.ts';
import { hostsOf, settingsProblem, type VirtualIpPool } from '../../api/virtual-ip-pool.ts';
import { canonical, type ParsedAddress, parseAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { PlanningNode, RefusedAddress } from './types.ts';

/** What a pool may have of what it asks for. */
export interface Claims {
  /** In the order of their numbers. */
  readonly accepted: readonly ParsedAddress[];
  readonly refused: readonly RefusedAddress[];
}

/** Who may not lose an address to a pool. */
export interface Incumbents {
  /** The release's single virtual addresses. */
  readonly reserved: readonly string[];
  readonly nodes: readonly PlanningNode[];
  /** Addresses that nodes say are their own, with the node's name; in canonical form. Absent: none. */
  readonly nodeAddresses?: ReadonlyMap<string, string>;
}

interface Refusal {
  readonly reason: string;
  readonly claimedBy: string | undefined;
}

/** Decides on one address; undefined: the pool may have it. */
type Judge = (address: ParsedAddress) => Refusal | undefined;

function createdAtMs({ metadata }: VirtualIpPool): number {
  // An object without a time is not stored yet: nothing is younger.
  const time = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

/** Sorts pools by seniority: by creation, then by name, because the API's times are whole seconds. */
export function oldestFirst(pools: readonly VirtualIpPool[]): VirtualIpPool[] {
  const times = new Map(pools.map((pool) => [pool, createdAtMs(pool)]));
  return pools.toSorted((a, b) => {
    const [first, second] = [times.get(a) ?? 0, times.get(b) ?? 0];
    return first === second ? compareText(a.metadata.name, b.metadata.name) : first - second;
  });
}

function canonicalSet(addresses: readonly string[]): Set<string> {
  return new Set(addresses.map(canonical));
}

function nodeByAddress(nodes: readonly PlanningNode[]): Map<string, string> {
  const sorted = nodes.toSorted((a, b) => compareText(b.name, a.name));
  return new Map(
    sorted.flatMap(({ name, addresses, externalAddresses = [] }) =>
      [...canonicalSet([...addresses, ...externalAddresses])].map((address) => [address, name]),
    ),
  );
}

function plannedBefore({ status }: VirtualIpPool): Set<string> {
  return canonicalSet((status?.groups ?? []).flatMap(({ addresses }) => addresses));
}

function byReservation(reserved: ReadonlySet<string>): Judge {
  return ({ address }) =>
    reserved.has(address)
      ? {
          reason: `${address} is the release's own virtual address (keepalived.vipAddressCidr or vipAddresses); remove it there or from this pool`,
          claimedBy: undefined,
        }
      : undefined;
}

function isOfNode(address: string, node: string): Refusal {
  return {
    reason: `${address} is an address of node ${node} itself; give the pool one that no machine has, or take it off that node`,
    claimedBy: undefined,
  };
}

/**
 * A virtual address that is a node's own would cut that node off. By what the API tells of nodes, one that was planned before is let through: a kubelet that was started
 * while its node held a virtual address may report it as the node's.
 */
function byNodes(owners: ReadonlyMap<string, string>, pool: VirtualIpPool): Judge {
  const before = plannedBefore(pool);
  return ({ address }) => {
    const node = owners.get(address);
    return node === undefined || before.has(address) ? undefined : isOfNode(address, node);
  };
}

/** What a node says of itself: its agent tells virtual addresses from its own, and nobody else held the address. */
function byAgents(owners: ReadonlyMap<string, string>): Judge {
  return ({ address }) => {
    const node = owners.get(address);
    return node === undefined ? undefined : isOfNode(address, node);
  };
}

function byPools(owners: ReadonlyMap<string, { pool: string; given: string }>, name: string): Judge {
  return ({ address, given }) => {
    const owner = owners.get(address);
    if (owner === undefined) return undefined;
    const reason =
      owner.pool === name
        ? `${given} is in this pool already, as ${owner.given}; remove one of the two`
        : `${address} belongs to the older pool "${owner.pool}"; remove it from one of the two`;
    return { reason, claimedBy: owner.pool };
  };
}

function firstRefusal(judges: readonly Judge[], address: ParsedAddress): Refusal | undefined {
  for (const judge of judges) {
    const refusal = judge(address);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * What keeps the whole pool from being planned: the API server refuses such a pool, but may have stored it when its definition asked for
 * less, and cannot know what other pools have. An agent would leave it out.
 */
function bySpec({ spec }: VirtualIpPool, virtual: ReadonlySet<string>): Judge {
  const asked = spec.healthCheck === undefined ? [] : hostsOf(spec.healthCheck);
  const target = asked.find((host) => virtual.has(addressOfHost(host) ?? ''));
  const problem =
    settingsProblem(spec) ??
    (target === undefined ? undefined : `the host of healthCheck, ${target}, ${VIRTUAL_TARGET}`);
  return () => (problem === undefined ? undefined : { reason: problem, claimedBy: undefined });
}

function parseAll(given: readonly string[]): { parsed: ParsedAddress[]; refused: RefusedAddress[] } {
  const parsed: ParsedAddress[] = [];
  const refused: RefusedAddress[] = [];
  for (const text of given.toSorted(compareText)) {
    const problem = virtualAddressProblem(text);
    const address = parseAddress(text);
    if (address !== undefined && problem === undefined) parsed.push(address);
    else refused.push({ address: text, reason: problem ?? `"${text}" is not an address`, claimedBy: undefined });
  }
  return { parsed: parsed.sort((a, b) => compareText(a.sortKey, b.sortKey)), refused };
}

/**
 * Decides which pool has which address: each address is one pool's only, the oldest pool's that asks for it.
 * @param pools oldest first
 * @returns by the pool's name
 */
export function claimAddresses(pools: readonly VirtualIpPool[], incumbents: Incumbents): Map<string, Claims> {
  const owners = new Map<string, { pool: string; given: string }>();
  const nodeOwners = nodeByAddress(incumbents.nodes);
  const reserved = byReservation(canonicalSet(incumbents.reserved));
  const agents = byAgents(incumbents.nodeAddresses ?? new Map());
  const virtual = canonicalSet([...incumbents.reserved, ...pools.flatMap(({ spec }) => spec.addresses)]);
  return new Map(
    pools.map((pool) => {
      const { name } = pool.metadata;
      const judges = [bySpec(pool, virtual), reserved, byNodes(nodeOwners, pool), agents, byPools(owners, name)];
      const { parsed, refused } = parseAll(pool.spec.addresses);
      const accepted = parsed.filter((address) => {
        const refusal = firstRefusal(judges, address);
        if (refusal === undefined) owners.set(address.address, { pool: name, given: address.given });
        else refused.push({ address: address.given, ...refusal });
        return refusal === undefined;
      });
      return [name, { accepted, refused }];
    }),
  );
}
