import { familyOf, type ParsedAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { AddressesOf, Neighbourhood, PeerAddresses } from './peer-addresses.ts';
import type { Assignment, PendingMember } from './types.ts';

/*
 * Who runs a group's VRRP instance on the way from one order of preference to the next, and whom each speaks to.
 *
 * A node that is no longer a candidate but holds one of the group's addresses stays, as the last and marked as leaving: the others then
 * take over by priority, while it still serves. Taking the instance away would leave the address nowhere for an outage.
 *
 * By unicast a node receives the advertisements of its peers only, and two that receive none of each other both become master. So a new
 * node is made known to the others first, and runs the instance when all of them have said that they know it; and a node that went stays a
 * peer until it has said that it runs the instance no longer.
 */

/** A group and what is known about its instance. */
export interface HandoverInput {
  readonly instance: string;
  /** Names in order of preference. */
  readonly candidates: readonly string[];
  readonly addresses: readonly ParsedAddress[];
  readonly unicast: boolean;
  readonly assignment: Assignment | undefined;
}

/** A node that runs the instance. */
export interface Member {
  readonly node: string;
  /** Its place in the order of preference. */
  readonly rank: number;
  readonly leaving: boolean;
  /** Undefined: multicast. */
  readonly peers: readonly string[] | undefined;
}

/** Who runs the instance. */
export interface Handover {
  readonly members: readonly Member[];
  readonly pending: readonly PendingMember[];
  /** Unicast, and there is only one node: `stand-in` when it has another node of the cluster for a peer, `none` when there is no other. */
  readonly alone: 'stand-in' | 'none' | undefined;
  /** Unicast, and these candidates have no address of the instance's family. */
  readonly withoutAddress: readonly string[];
}

interface Runners {
  readonly candidates: readonly string[];
  readonly waiting: ReadonlySet<string>;
  readonly leaving: readonly string[];
  /** Their last plan had it, the next one does not. */
  readonly dropped: readonly string[];
}

function runningNodes(assignment: Assignment | undefined, { nodes }: Neighbourhood): string[] {
  return [...(assignment?.previousPeers.keys() ?? [])]
    .filter((name) => nodes.get(name)?.hasSidecar === true)
    .sort(compareText);
}

function knowsAll(peers: readonly string[] | undefined, addresses: readonly string[]): boolean {
  return addresses.every((address) => peers?.includes(address) === true);
}

/** Whether all that run the instance have said that they know the node. */
function isKnown(assignment: Assignment, running: readonly string[], addresses: readonly string[]): boolean {
  return assignment.observedByAll && running.every((node) => knowsAll(assignment.previousPeers.get(node), addresses));
}

function findRunners(
  { candidates, assignment, unicast }: HandoverInput,
  running: readonly string[],
  of: AddressesOf,
): Runners {
  const mustWait = (node: string) =>
    unicast &&
    assignment !== undefined &&
    running.length > 0 &&
    !running.includes(node) &&
    !isKnown(assignment, running, of(node));
  const waiting = new Set(candidates.filter(mustWait));
  const former = running.filter((node) => !candidates.includes(node));
  // Without candidates the addresses are to be nowhere.
  const stays = (node: string) => candidates.length > 0 && (waiting.size > 0 || assignment?.heldBy.has(node) === true);
  return {
    candidates,
    waiting,
    leaving: former.filter(stays),
    dropped: former.filter((node) => !stays(node)),
  };
}

/** Peers that may still run the instance, although nobody is to run it there any more. */
function lingering({ dropped }: Runners, assignment: Assignment | undefined, of: AddressesOf): string[] {
  const gone = dropped.flatMap(of);
  return assignment === undefined || assignment.observedByAll
    ? gone
    : [...gone, ...[...assignment.previousPeers.values()].flat()];
}

function sameFamily(peers: readonly string[], of: AddressesOf, someone: string): string[] {
  const [own = ''] = of(someone);
  return peers.filter((peer) => familyOf(peer) === familyOf(own));
}

/**
 * A single node has nobody to speak to, but keepalived reads an empty list of peers as multicast, which nobody asked for: its packets would
 * be everybody's, and advertisements of a foreign router with the same id would be received. So it is given some other node of the cluster,
 * one with a sidecar if there is one: a keepalived that has no instance of that router id passes over its packets, and where there is no
 * keepalived the kernel does. It is also allowed for if that node becomes a candidate, which then is known already. In a cluster of one
 * node there is nobody to be given: the instance goes without peers, because an address that is announced in a way that was not asked for
 * is better than one that is nowhere; a problem says so.
 */
function standIn(self: string, { nodes }: Neighbourhood, of: AddressesOf): readonly string[] {
  const others = [...nodes.values()]
    .filter(({ name }) => name !== self && of(name).length > 0)
    .sort((a, b) => Number(b.hasSidecar) - Number(a.hasSidecar) || compareText(a.name, b.name));
  return others[0] === undefined ? [] : of(others[0].name);
}

function peersByNode(
  input: HandoverInput,
  runners: Runners,
  members: readonly Omit<Member, 'peers'>[],
  neighbourhood: Neighbourhood,
  of: AddressesOf,
): { members: Member[]; alone: Handover['alone'] } {
  let alone: Handover['alone'];
  const mates = [...runners.candidates, ...runners.leaving].flatMap(of);
  const all = [...new Set([...mates, ...lingering(runners, input.assignment, of)])].sort(compareText);
  const complete = members.map((member) => {
    const own = new Set(of(member.node));
    const peers = sameFamily(all, of, member.node).filter((peer) => !own.has(peer) && !neighbourhood.virtual.has(peer));
    if (peers.length > 0) return { ...member, peers };
    const replacement = standIn(member.node, neighbourhood, of);
    alone = replacement.length > 0 ? 'stand-in' : 'none';
    return { ...member, peers: replacement.length > 0 ? replacement : undefined };
  });
  return { members: complete, alone };
}

function ranked({ candidates, waiting, leaving }: Runners): Omit<Member, 'peers'>[] {
  return [
    ...candidates.map((node, rank) => ({ node, rank, leaving: false })).filter(({ node }) => !waiting.has(node)),
    ...leaving.map((node, index) => ({ node, rank: candidates.length + index, leaving: true })),
  ];
}

function pendingOf(instance: string, { waiting, leaving }: Runners): PendingMember[] {
  return [
    ...[...waiting].map((node) => ({ instance, node, state: 'joins' as const })),
    ...leaving.map((node) => ({ instance, node, state: 'leaves' as const })),
  ];
}

/** Decides who runs a group's instance, and with which peers. */
export function handOver(input: HandoverInput, neighbourhood: Neighbourhood, peerAddresses: PeerAddresses): Handover {
  const of = peerAddresses(input.addresses, input.candidates);
  const canRun = (node: string) => !input.unicast || of(node).length > 0;
  const running = runningNodes(input.assignment, neighbourhood).filter(canRun);
  const runners = findRunners({ ...input, candidates: input.candidates.filter(canRun) }, running, of);
  const members = ranked(runners);
  const common = {
    pending: pendingOf(input.instance, runners),
    withoutAddress: input.candidates.filter((node) => !canRun(node)),
  };
  if (!input.unicast) {
    return { ...common, members: members.map((member) => ({ ...member, peers: undefined })), alone: undefined };
  }
  return { ...common, ...peersByNode(input, runners, members, neighbourhood, of) };
}
