import { bitsOf, canonical, canonicalAddress, familyOfAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import { LAST_RANK } from '../fitness/priority.ts';

/** What of a pod matters for ranks. */
export interface RankedPod {
  readonly nodeName: string | undefined;
  /** `status.phase`; pods that are done no longer count. */
  readonly phase: string | undefined;
  /** `status.hostIPs`: the addresses of its node. */
  readonly nodeAddresses?: readonly string[];
}

/**
 * Names of the nodes that run the release's pods, in the order in which they prefer the address: sorted by name, which every node finds
 * alike without talking to the others.
 */
export function orderNodes(pods: readonly RankedPod[]): string[] {
  const running = pods.filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed');
  const names = running.map(({ nodeName }) => nodeName).filter((name) => name !== undefined && name !== '');
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** Names of the nodes that run the release's pods by the nodes' addresses. */
export function nodesByAddress(pods: readonly RankedPod[]): Map<string, string> {
  const known = pods.flatMap(({ nodeName = '', nodeAddresses = [] }) =>
    nodeName === '' ? [] : nodeAddresses.map((address) => [canonical(address), nodeName] as const),
  );
  return new Map(known.toSorted(([a], [b]) => compareText(a, b)));
}

function lastByte(address: string): number {
  return bitsOf(address).toByteArray().at(-1) ?? 0;
}

/** Who this node is. */
interface RankedNode {
  readonly node: string;
  /** From it a rank is computed while nothing names the node. */
  readonly nodeAddress: string;
}

/** What is known of the order of preference, best first; each may be empty. */
interface NodeOrders {
  /** Names, as the API listed them last. */
  readonly nodes: readonly string[];
  /** Addresses, as the settings list them: they are the same on every node, before there is an API too. */
  readonly addresses: readonly string[];
}

/** A node's place in the order of preference: in the settings' list, else in that of the API. */
export function rankOf({ nodes, addresses }: NodeOrders, { node, nodeAddress }: RankedNode): number {
  const places = [addresses.indexOf(canonicalAddress(nodeAddress) ?? ''), nodes.indexOf(node)];
  const place = places.find((each) => each >= 0);
  if (place !== undefined) return place;
  return familyOfAddress(nodeAddress) === undefined ? LAST_RANK : lastByte(nodeAddress) % 4;
}

/** The order of the nodes as it was kept over a restart; undefined when the document is none. */
export function readNodeOrder(document: unknown): readonly string[] | undefined {
  return Array.isArray(document) && document.every((name) => typeof name === 'string') ? document : undefined;
}
