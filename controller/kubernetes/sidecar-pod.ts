import type { V1Pod } from '@kubernetes/client-node';
import { type Cached, keptMetadata } from './resource-cache.ts';

/** What is kept of a sidecar's pod. */
export interface SidecarPod extends Cached {
  /** Name of the node that it is on; empty before it has one. */
  readonly node: string;
  /** Whether its containers were started: a node that cannot pull the image has no sidecar. */
  readonly running: boolean;
}

/** Takes from a pod what is used of it. */
export function sidecarPod({ metadata, spec, status }: V1Pod): SidecarPod {
  return {
    metadata: keptMetadata(metadata),
    node: spec?.nodeName ?? '',
    running: status?.phase === 'Running',
  };
}

/** Whether two states of a pod are the same to the plan. */
export function samePod(before: SidecarPod, after: SidecarPod): boolean {
  return before.node === after.node && before.running === after.running;
}
