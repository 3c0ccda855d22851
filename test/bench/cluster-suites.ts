import type { ClusterFaultName } from '../cluster/fault-names.ts';
import type { Expectation } from '../environment/hand-over.ts';

/** One row of the table: what happens to the holder, how often it is measured, and what was promised. */
export interface ClusterCase {
  /** How the table calls it; also what `--fault` chooses by. */
  readonly title: string;
  readonly happening: ClusterFaultName | 'rolling-update';
  readonly expectation: Expectation;
  readonly runs: number;
  /** Longest outage that any client may see, in milliseconds. */
  readonly budgetMs?: number;
}

const MOVES: Expectation = { address: 'move', withinMs: 30_000 };
/** Longer than all nodes take to count a lost API (25 s and one more interval) and to settle on it. */
const STAYS: Expectation = { address: 'stay', withinMs: 40_000 };
/** Five failed checks, five seconds apart, and the hand-over. */
const KUBELET: Expectation = { address: 'move', withinMs: 45_000 };
/** The kubelet starts a sidecar again in a second or two, or after its liveness probe has failed. */
const SIDECAR: Expectation = { address: 'either', withinMs: 10_000 };
/** Two nodes that can serve will do, and those that crashed before come back when the kubelet sees fit. */
const BACKING_OFF: Expectation = { ...MOVES, fit: 2, leaveToItself: true };

/** What is measured on a real cluster, in this order. */
export const CLUSTER_CASES: readonly ClusterCase[] = [
  { title: 'ingress-crash', happening: 'ingress-crash', expectation: MOVES, runs: 10, budgetMs: 100 },
  {
    title: 'ingress-crash, kubelet backing off',
    happening: 'ingress-crash',
    expectation: BACKING_OFF,
    runs: 10,
    budgetMs: 100,
  },
  { title: 'link-cut', happening: 'link-cut', expectation: MOVES, runs: 10, budgetMs: 450 },
  { title: 'switch-cut', happening: 'switch-cut', expectation: MOVES, runs: 10, budgetMs: 450 },
  { title: 'node-crash', happening: 'node-crash', expectation: MOVES, runs: 10, budgetMs: 450 },
  { title: 'node-reboot', happening: 'node-reboot', expectation: MOVES, runs: 3, budgetMs: 450 },
  { title: 'pod-delete', happening: 'pod-delete', expectation: MOVES, runs: 10, budgetMs: 100 },
  { title: 'rolling-update', happening: 'rolling-update', expectation: MOVES, runs: 10, budgetMs: 100 },
  { title: 'drain', happening: 'drain', expectation: MOVES, runs: 10, budgetMs: 50 },
  { title: 'cordon', happening: 'cordon', expectation: MOVES, runs: 10, budgetMs: 50 },
  { title: 'keepalived-kill', happening: 'keepalived-kill', expectation: MOVES, runs: 5 },
  { title: 'sidecar-kill', happening: 'sidecar-kill', expectation: SIDECAR, runs: 5 },
  { title: 'sidecar-hang', happening: 'sidecar-hang', expectation: SIDECAR, runs: 5 },
  { title: 'kubelet-stop', happening: 'kubelet-stop', expectation: KUBELET, runs: 10, budgetMs: 0 },
  { title: 'apiserver-stop', happening: 'apiserver-stop', expectation: STAYS, runs: 10, budgetMs: 0 },
];
