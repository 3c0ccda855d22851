import { readFileSync } from 'node:fs';
import { isAlive } from '../lab/processes.ts';
import { type MachinePlan, planCluster } from './plan.ts';
import type { ClusterState } from './state.ts';
import { pidsOf } from './status.ts';

/** What the sidecar and the supervisor of a node tell keepalived about it; see docs/how-it-works.md. */
export interface TrackFiles {
  readonly gate: number;
  readonly offset: number;
  readonly pulse: number;
}

const TRACK = 'run/keepalived-ingress-vip/track/vip';
/** A healthy node's offset is that of its rank; a band takes 40 off. */
const LOWEST_HEALTHY_OFFSET = -30;

/** The track files of the pod that runs on a node; undefined where keepalived does not run or has none yet. */
export function trackFilesOf(machine: MachinePlan): TrackFiles | undefined {
  const [pid] = pidsOf(machine, 'keepalived');
  if (pid === undefined) return undefined;
  // Through the container's own root: the volume is mounted nowhere else.
  const read = (kind: string) => Number(readFileSync(`/proc/${pid}/root/${TRACK}.${kind}`, 'utf8'));
  try {
    return { gate: read('gate'), offset: read('offset'), pulse: read('pulse') };
  } catch {
    return undefined;
  }
}

/** The nodes that could take an address over: switched on, gate open, priority that of a healthy node. */
export function fitNodes(state: ClusterState): string[] {
  const on = new Set(state.machines.filter((each) => isAlive(each.init)).map((each) => each.name));
  return planCluster(state.shape)
    .nodes.filter((node) => on.has(node.name))
    .filter((node) => {
      const track = trackFilesOf(node);
      return track?.gate === 1 && track.offset >= LOWEST_HEALTHY_OFFSET && track.pulse === 0;
    })
    .map((node) => node.name);
}
