import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { type MachinePlan, planCluster } from '../cluster/plan.ts';
import type { ClusterState } from '../cluster/state.ts';
import { pidsOf } from '../cluster/status.ts';
import { inNetns } from '../support/netns.ts';
import { isAlive } from '../support/processes.ts';

/** What the sidecar and the supervisor of a node tell keepalived about it; see docs/how-it-works.md. */
export interface TrackFiles {
  readonly gate: number;
  readonly offset: number;
  readonly pulse: number;
}

const TRACK = 'run/keepalived-ingress-vip/track/vip';
/** A healthy node's offset is that of its rank; a node of the next band has at most -31. */
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

const METRICS_URL = 'http://127.0.0.1:10271/metrics';
const METRICS_LIMIT_SECONDS = 3;

/**
 * The nodes on which some check counts failures, though it may still be called healthy, or whose sidecar does not answer. What such a node
 * decides next rests on a fault of before.
 */
export async function countingNodes(state: ClusterState, nodes: readonly string[]): Promise<string[]> {
  const asked = planCluster(state.shape).nodes.filter(({ name }) => nodes.includes(name));
  const clear = await Promise.all(asked.map(countsNothing));
  return asked.filter((_, index) => clear[index] !== true).map(({ name }) => name);
}

async function countsNothing({ netns }: MachinePlan): Promise<boolean> {
  const [program, ...args] = inNetns(netns, ['curl', '-s', '-m', String(METRICS_LIMIT_SECONDS), METRICS_URL]);
  const { stdout } = await execa(program, args, { reject: false, timeout: 2000 * METRICS_LIMIT_SECONDS });
  const counts = [...stdout.matchAll(/^keepalived_vip_probe_consecutive_failures\{.*\} (\d+)$/gm)];
  return counts.length > 0 && counts.every(([, count]) => count === '0');
}
