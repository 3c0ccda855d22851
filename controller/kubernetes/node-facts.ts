import type { V1Node, V1NodeStatus, V1Taint } from '@kubernetes/client-node';
import { type Cached, keptMetadata } from './resource-cache.ts';

/** A taint of a node, as far as it decides who may be there. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/** What is kept of a Node: a cluster's Nodes are large, mostly with the images that they have. */
export interface NodeFacts extends Cached {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  /** Its addresses of type InternalIP, in the order of the Node. */
  readonly internalAddresses: readonly string[];
  /** Those of type ExternalIP. */
  readonly externalAddresses: readonly string[];
  readonly ready: boolean;
}

function taintOf({ key, value, effect }: V1Taint): Taint {
  return { key, ...(value === undefined || value === '' ? {} : { value }), effect };
}

function addressesOf(status: V1NodeStatus | undefined, addressType: 'InternalIP' | 'ExternalIP'): string[] {
  return (status?.addresses ?? []).filter(({ type }) => type === addressType).map(({ address }) => address);
}

/** Takes from a Node what is used of it. */
export function nodeFacts({ metadata, spec, status }: V1Node): NodeFacts {
  return {
    metadata: keptMetadata(metadata),
    labels: metadata?.labels ?? {},
    taints: (spec?.taints ?? []).map(taintOf),
    unschedulable: spec?.unschedulable === true,
    internalAddresses: addressesOf(status, 'InternalIP'),
    externalAddresses: addressesOf(status, 'ExternalIP'),
    ready: (status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  };
}

function withoutVersion({ metadata, labels, ...facts }: NodeFacts): string {
  return JSON.stringify([metadata.name, Object.entries(labels).toSorted(), facts]);
}

/** Whether two states of a Node differ in nothing that is used: a kubelet's heartbeat changes none of it. */
export function sameNode(before: NodeFacts, after: NodeFacts): boolean {
  return withoutVersion(before) === withoutVersion(after);
}
