import { cpus } from 'node:os';
import { STALL_MS } from '../support/stalls.ts';
import { MOST_REPEATS } from '../support/undisturbed.ts';

/** Conditions under which a cluster was measured. */
export interface Conditions {
  readonly date: string;
  readonly kubernetes: string;
  /** Runs that were not counted, because the machine itself stood still meanwhile. */
  readonly repeatedRuns: number;
}

/** How a part of the page came about; the beginning of it. @param command what follows `npm run` */
export function writtenBy(command: string, date: string): string {
  return `Written by \`npm run ${command} --write\` on ${date}, ${cpus().length} cores (${cpus()[0]?.model.trim()})`;
}

/** What is measured on a real Kubernetes; a sentence for the page. */
export function onCluster({ kubernetes }: Pick<Conditions, 'kubernetes'>): string {
  return `Kubernetes ${kubernetes}, three nodes and a control plane, each with containerd
and kubelet in namespaces of its own, all on this one machine.`;
}

/** What is measured on a Kubernetes whose nodes are its control planes; a sentence for the page. */
export function onControlPlanes({ kubernetes }: Pick<Conditions, 'kubernetes'>): string {
  return `Kubernetes ${kubernetes}, three control planes with one etcd, each with
API server, containerd and kubelet in namespaces of its own, all on this one machine, which is the clients' too.`;
}

/** Which runs say nothing of the product, and how many there were; sentences for the page. */
export function repeatedSentence({ repeatedRuns }: Pick<Conditions, 'repeatedRuns'>): string {
  const few = ['No run was repeated', 'One run was repeated'];
  return `A run says nothing of the product when the machine gave one of its cores no time for ${STALL_MS} ms or more during an outage, at a move where none should be,
or in the half second before; a process of real-time priority on each core watches for that. Such a run is repeated, up to ${MOST_REPEATS} times.
${few[repeatedRuns] ?? `${repeatedRuns} runs were repeated`}.`;
}

/** How the processors of one machine are divided when it is the nodes, the ingress and the client at the same time; a sentence for the page. */
export const SHARED_PROCESSORS =
  "Clients and ingress have real-time priority, below keepalived's: on machines of their own they would not wait for what starts on a node.";
