import type { AddressGroup } from '../../api/virtual-ip-pool.ts';
import { count, few } from '../text/sentences.ts';
import type { Eligibility } from './eligibility.ts';
import type { Handover } from './handover.ts';
import { LEVEL_DIFFERENCE } from './levelling.ts';
import type { RouterIdGrant } from './router-ids.ts';
import { spreadOf } from './spread.ts';
import type { Problem, RouterIdRange } from './types.ts';

/*
 * What stands in the way of a good plan, in sentences for conditions and Events. Each says what it is and what to do.
 */

/** Problems with the nodes that a demand asks for. */
export function nodeProblems({ eligible, withoutSidecar }: Eligibility): Problem[] {
  const problems: Problem[] = [];
  if (eligible.length === 0) {
    problems.push({
      kind: 'NoEligibleNode',
      message:
        'no node may hold the addresses: none that runs a sidecar has the labels of nodeSelector and only taints that tolerations allow; change one of them, or label a node',
    });
  }
  if (withoutSidecar.length > 0) {
    const names = withoutSidecar.map(({ name }) => name);
    const subject = names.length === 1 ? 'is chosen but runs' : 'are chosen but run';
    problems.push({
      kind: 'NodesWithoutAgent',
      message: `${few(names)} ${subject} no sidecar; let the release's DaemonSet run there (pod.nodeSelector, pod.tolerations) or narrow nodeSelector`,
    });
  }
  return problems;
}

/** Addresses that nodes say are their own, though they were held for the demand. */
export function nodeAddressProblems(
  accepted: readonly { readonly address: string }[],
  disputed: ReadonlyMap<string, string>,
): Problem[] {
  const claims = accepted.flatMap(({ address }) => {
    const node = disputed.get(address);
    return node === undefined ? [] : [`${address} (${node})`];
  });
  if (claims.length === 0) return [];
  const message = `nodes say that these addresses are their own, which were held for the pool before: ${few(claims)}; take them off those nodes or out of the pool`;
  return [{ kind: 'NodeAddress', message }];
}

/** Problems with router ids. */
export function routerIdProblems(
  { foreign }: RouterIdGrant,
  { first, last }: RouterIdRange,
  ungrouped: number,
): Problem[] {
  const problems: Problem[] = foreign.map(({ slot, from, to }) => ({
    kind: 'ForeignRouter',
    message:
      from === to
        ? `router id ${from} of group ${slot} is also used by another router on the network, and no other id from ${first} to ${last} is free; widen vrrp.virtualRouterIds or turn that router to another id`
        : `router id ${from} is also used by another router on the network; group ${slot} uses ${to} instead`,
  }));
  if (ungrouped > 0) {
    problems.push({
      kind: 'RouterIdsExhausted',
      message: `no router id from ${first} to ${last} is free for ${count(ungrouped, 'address', 'addresses')}, which no node gets; widen vrrp.virtualRouterIds, remove a pool, or put the addresses into one that works`,
    });
  }
  return problems;
}

/** Whether the addresses are spread as evenly as is promised. */
export function spreadProblems(groups: readonly AddressGroup[], nodes: readonly string[]): Problem[] {
  if (groups.length === 0 || nodes.length === 0) return [];
  const { least, most } = spreadOf(groups, nodes);
  if (most - least <= LEVEL_DIFFERENCE) return [];
  const addresses = groups.reduce((sum, group) => sum + group.addresses.length, 0);
  return [
    {
      kind: 'CoarseSpread',
      message: `nodes have from ${least} to ${most} addresses: ${addresses} addresses are in ${count(groups.length, 'group', 'groups')}, and a group stays together; more router ids or a higher maxGroupsPerPool spread addresses that are added later more finely`,
    },
  ];
}

/** Problems of nodes that are to speak to each other by unicast. */
export function peerProblems(handovers: readonly Handover[]): Problem[] {
  const problems: Problem[] = [];
  const withoutAddress = [...new Set(handovers.flatMap((handover) => handover.withoutAddress))].sort();
  if (withoutAddress.length > 0) {
    const verb = withoutAddress.length === 1 ? 'has' : 'have';
    problems.push({
      kind: 'NoPeerAddress',
      message: `${few(withoutAddress)} ${verb} no address of the family that the other nodes speak by unicast and cannot take part; give every node an IPv4 and an IPv6 address, or use vrrp.peering Multicast`,
    });
  }
  if (handovers.some(({ alone }) => alone === 'none')) {
    problems.push({
      kind: 'NoPeers',
      message:
        'the cluster has one node, so that there is no peer for unicast: it announces the addresses by multicast until there is another',
    });
  } else if (handovers.some(({ alone }) => alone === 'stand-in')) {
    problems.push({
      kind: 'NoPeers',
      message:
        'only one node may hold the addresses, so that no other can take over; choose more nodes by nodeSelector or tolerations',
    });
  }
  return problems;
}
