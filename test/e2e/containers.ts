import { planCluster } from '../cluster/plan.ts';
import type { ClusterState } from '../cluster/state.ts';
import { pidsOf } from '../cluster/status.ts';
import { ContainerCgroup } from './cgroups.ts';

/** The release's containers in a pod. */
export const CONTAINERS = ['keepalived', 'sidecar'] as const;
export type ContainerName = (typeof CONTAINERS)[number];

/** A container of the release that runs, as the machine that hosts the cluster sees it. */
export interface RunningContainer {
  readonly node: string;
  readonly netns: string;
  readonly name: ContainerName;
  /** Its main process: the sidecar, or keepalived's parent process. */
  readonly pid: number;
  readonly cgroup: ContainerCgroup;
}

/** The release's containers on all nodes that run now; of one release only. */
export function runningContainers(state: ClusterState): RunningContainer[] {
  return planCluster(state.shape).nodes.flatMap((node) =>
    CONTAINERS.flatMap((name) => {
      const [pid] = pidsOf(node, name);
      if (pid === undefined) return [];
      return [{ node: node.name, netns: node.netns, name, pid, cgroup: new ContainerCgroup(pid) }];
    }),
  );
}
