import { virtualAddressProblem } from '../../api/addresses.ts';
import { addressOfHost, VIRTUAL_TARGET } from '../../api/hosts.ts';
import { canonical, type ParsedAddress, parseAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { Demand, PlanningNode, RefusedAddress } from './types.ts';

/** What a demand may have of what it asks for. */
export interface Claims {
  /** In the order of their numbers. */
  readonly accepted: readonly ParsedAddress[];
  readonly refused: readonly RefusedAddress[];
}

/** Who may not lose an address to a demand. */
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

/** Decides on one address; undefined: the demand may have it. */
type Rule = (address: ParsedAddress) => Refusal | undefined;

/** Sorts demands by seniority: by creation, then by name, because the API's times are whole seconds. */
export function oldestFirst(demands: readonly Demand[]): Demand[] {
  return demands.toSorted((a, b) =>
    a.createdMs === b.createdMs ? compareText(a.name, b.name) : a.createdMs - b.createdMs,
  );
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

function plannedBefore({ previousGroups }: Demand): Set<string> {
  return canonicalSet(previousGroups.flatMap(({ addresses }) => addresses));
}

function byReservation(reserved: ReadonlySet<string>): Rule {
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
 * A virtual address that is a node's own would cut that node off. By what the API says of nodes, one that was planned before is let
 * through: a kubelet that was started while its node held a virtual address may report it as the node's.
 */
function byNodes(owners: ReadonlyMap<string, string>, demand: Demand): Rule {
  const before = plannedBefore(demand);
  return ({ address }) => {
    const node = owners.get(address);
    return node === undefined || before.has(address) ? undefined : isOfNode(address, node);
  };
}

/** Refuses an address that a node reports as its own: its sidecar knows which addresses it put there, and nobody held the address. */
function bySidecars(owners: ReadonlyMap<string, string>): Rule {
  return ({ address }) => {
    const node = owners.get(address);
    return node === undefined ? undefined : isOfNode(address, node);
  };
}

/** By address: the demand by which a Service has it. */
function servedBy(demands: readonly Demand[]): Map<string, Demand> {
  return new Map(
    demands.flatMap((demand) => [...(demand.ofServices ?? [])].map((address) => [address, demand] as const)),
  );
}

/** What a Service has it keeps, also when somebody lists the address in an older pool: it would be at nodes that need not serve the Service. */
function byServices(served: ReadonlyMap<string, Demand>, { name }: Demand): Rule {
  return ({ address }) => {
    const owner = served.get(address);
    if (owner === undefined || owner.name === name) return undefined;
    const pool = owner.settings.ofPool ?? owner.name;
    return {
      reason: `${address} is had by a Service, as an address of pool "${pool}"; remove it from spec.addresses, or have the Service give it up`,
      claimedBy: owner.name,
    };
  };
}

function byDemands(owners: ReadonlyMap<string, { demand: string; given: string }>, name: string): Rule {
  return ({ address, given }) => {
    const owner = owners.get(address);
    if (owner === undefined) return undefined;
    const reason =
      owner.demand === name
        ? `${given} is in this pool already, as ${owner.given}; remove one of the two`
        : `${address} belongs to the older pool "${owner.demand}"; remove it from one of the two`;
    return { reason, claimedBy: owner.demand };
  };
}

function firstRefusal(rules: readonly Rule[], address: ParsedAddress): Refusal | undefined {
  for (const rule of rules) {
    const refusal = rule(address);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * Why the whole demand cannot be planned. The API server refuses such a pool, but may have stored it when its definition asked for
 * less, and cannot know what other pools have. A node would leave it out.
 */
function byDemand({ problem, checkedHosts }: Demand, virtual: ReadonlySet<string>): Rule {
  const target = checkedHosts.find((host) => virtual.has(addressOfHost(host) ?? ''));
  const reason =
    problem ?? (target === undefined ? undefined : `the host of healthCheck, ${target}, ${VIRTUAL_TARGET}`);
  return () => (reason === undefined ? undefined : { reason, claimedBy: undefined });
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
 * Decides who has which address: each address is one demand's only, that by which a Service has it, else the oldest one's that asks for it.
 * @param demands oldest first
 * @returns by the demand's name
 */
export function claimAddresses(demands: readonly Demand[], incumbents: Incumbents): Map<string, Claims> {
  const owners = new Map<string, { demand: string; given: string }>();
  const nodeOwners = nodeByAddress(incumbents.nodes);
  const reserved = byReservation(canonicalSet(incumbents.reserved));
  const sidecars = bySidecars(incumbents.nodeAddresses ?? new Map());
  const served = servedBy(demands);
  const virtual = canonicalSet([...incumbents.reserved, ...demands.flatMap(({ addresses }) => addresses)]);
  return new Map(
    demands.map((demand) => {
      const { name } = demand;
      const rules = [
        byDemand(demand, virtual),
        reserved,
        byNodes(nodeOwners, demand),
        sidecars,
        byServices(served, demand),
        byDemands(owners, name),
      ];
      const { parsed, refused } = parseAll(demand.addresses);
      const accepted = parsed.filter((address) => {
        const refusal = firstRefusal(rules, address);
        if (refusal === undefined) owners.set(address.address, { demand: name, given: address.given });
        else refused.push({ address: address.given, ...refusal });
        return refusal === undefined;
      });
      return [name, { accepted, refused }];
    }),
  );
}
