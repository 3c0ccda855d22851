import type { V1Pod } from '@kubernetes/client-node';

/** What is kept of an agent's pod. */
export interface AgentPod {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  /** Name of the node that it is on; empty before it has one. */
  readonly node: string;
  /** Whether its containers were started: a node that cannot pull the image has no agent. */
  readonly running: boolean;
}

/** Takes from a pod what is used of it. */
export function agentPod({ metadata, spec, status }: V1Pod): AgentPod {
  const { name = '', resourceVersion } = metadata ?? {};
  return {
    metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    node: spec?.nodeName ?? '',
    running: status?.phase === 'Running',
  };
}

/** Whether two states of a pod are the same to the plan. */
export function samePod(before: AgentPod, after: AgentPod): boolean {
  return before.node === after.node && before.running === after.running;
}
