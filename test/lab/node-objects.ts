import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeObject } from './api-protocol.ts';
import { labDirectory } from './names.ts';
import type { HostPlan } from './network-plan.ts';

/* The cluster's Node objects: files that the API server stand-in serves. */

/** How many images a kubelet tells of at most (its default for nodeStatusMaxImages): most of what a real node weighs. */
const IMAGES = 50;

/** The API server stand-in's directory in a lab. */
export function apiDirectory(lab: string): string {
  return join(labDirectory(lab), 'api');
}

/** The directory with a file for each node. */
export function nodesDirectory(lab: string): string {
  return join(apiDirectory(lab), 'nodes');
}

function nodeFile(lab: string, node: string): string {
  return join(nodesDirectory(lab), `${node}.json`);
}

function image(number: number): object {
  const name = `registry.example.org/library/image-${number}`;
  return { names: [`${name}@sha256:${'0123456789abcdef'.repeat(4)}`, `${name}:1.${number}`], sizeBytes: 1e8 + number };
}

/** A node as its kubelet registers it; about as large as a real one. Pure. */
export function nodeObject(host: HostPlan): NodeObject {
  return {
    metadata: {
      name: host.name,
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
  await mkdir(nodesDirectory(lab), { recursive: true });
  for (const host of hosts) {
    await writeFile(nodeFile(lab, host.name), JSON.stringify(nodeObject(host)));
  }
}

/**
 * Prepares a change of a node's spec: everything is written; what is given back puts it in place, in one step.
 * @param spec gives the new spec from the present one; without it the same node is told again, as after a report of its kubelet
 */
export async function prepareNode(
  lab: string,
  node: string,
  spec: (before: NodeObject['spec']) => NodeObject['spec'] = (before) => before,
): Promise<() => Promise<void>> {
  const file = nodeFile(lab, node);
  const before = JSON.parse(await readFile(file, 'utf8')) as NodeObject;
  const resourceVersion = String(Number(before.metadata.resourceVersion) + 1);
  const temporary = join(nodesDirectory(lab), `.${node}.json`);
  const after = { ...before, metadata: { ...before.metadata, resourceVersion }, spec: spec(before.spec) };
  await writeFile(temporary, JSON.stringify(after));
  return () => rename(temporary, file);
}

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** What `kubectl cordon` and the node controller make of a spec, and what `kubectl uncordon` leaves. Pure. */
export function cordoned(cordon: boolean): NodeObject['spec'] {
  return cordon ? { unschedulable: true, taints: [UNSCHEDULABLE] } : {};
}
