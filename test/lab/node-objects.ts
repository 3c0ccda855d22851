import { ObjectFiles } from './api-objects.ts';
import type { WrittenObject } from './api-protocol.ts';
import type { HostPlan } from './network-plan.ts';

/* The cluster's Node objects. */

/** As much of a node's spec as the lab writes. */
interface NodeSpec {
  readonly unschedulable?: true;
  readonly taints?: readonly { readonly key: string; readonly effect: string }[];
}

/** How many images a kubelet tells of at most (its default for nodeStatusMaxImages): most of what a real node weighs. */
const IMAGES = 50;

function files(lab: string): ObjectFiles<NodeSpec> {
  return new ObjectFiles(lab, 'nodes');
}

function image(number: number): object {
  const name = `registry.example.org/library/image-${number}`;
  return { names: [`${name}@sha256:${'0123456789abcdef'.repeat(4)}`, `${name}:1.${number}`], sizeBytes: 1e8 + number };
}

/** A node as its kubelet registers it; about as large as a real one. Pure. */
function nodeObject(host: HostPlan): WrittenObject<NodeSpec> {
  return {
    metadata: {
      uid: `00000000-0000-0000-0001-${host.nics[0].mac.replaceAll(':', '')}`,
      resourceVersion: '1',
      labels: { 'kubernetes.io/hostname': host.name, 'kubernetes.io/os': 'linux' },
    },
    spec: {},
    status: {
      addresses: [
        { type: 'InternalIP', address: host.address },
        { type: 'Hostname', address: host.name },
      ],
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
      ],
      images: Array.from({ length: IMAGES }, (_, index) => image(index + 1)),
    },
  };
}

/** Writes the nodes of a new lab. */
export async function writeNodes(lab: string, hosts: readonly HostPlan[]): Promise<void> {
  for (const host of hosts) await files(lab).write(host.name, nodeObject(host));
}

/**
 * Prepares a change of a node's spec: everything is written; what is given back puts it in place, in one step.
 * @param spec gives the new spec from the present one; without it the same node is told again, as after a report of its kubelet
 */
export async function prepareNode(
  lab: string,
  node: string,
  spec: (before: NodeSpec) => NodeSpec = (before) => before,
): Promise<() => Promise<void>> {
  const before = await files(lab).read(node);
  const resourceVersion = String(Number(before.metadata?.resourceVersion) + 1);
  const metadata = { ...before.metadata, resourceVersion };
  return files(lab).prepare(node, { ...before, metadata, spec: spec(before.spec) });
}

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** What `kubectl cordon` and the node controller make of a spec, and what `kubectl uncordon` leaves. Pure. */
export function cordoned(cordon: boolean): NodeSpec {
  return cordon ? { unschedulable: true, taints: [UNSCHEDULABLE] } : {};
}
