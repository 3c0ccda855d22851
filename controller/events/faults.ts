import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import type { ProblemKind } from '../plan/types.ts';
import { keyOf, type PoolView, warning } from './pool-view.ts';

/** Problems that are notes, not faults. */
const NOTES: ReadonlySet<ProblemKind> = new Set(['CoarseSpread', 'NodesWithoutAgent']);

/** What is wrong with a pool, each thing under the key by which it is announced once. Pure. */
export function faultsOf(pool: PoolView): Map<string, ClusterEvent> {
  const faults = new Map<string, ClusterEvent>();
  for (const { address, reason } of pool.refused) {
    faults.set(keyOf(pool.name, `refused ${address}`), warning(pool, 'AddressRefused', 'Plan', reason));
  }
  for (const { kind, message } of pool.problems) {
    const event = warning(pool, kind, 'Plan', message);
    faults.set(keyOf(pool.name, kind), NOTES.has(kind) ? { ...event, type: 'Normal' } : event);
  }
  for (const { node, problem } of pool.nodeProblems) {
    const event = warning(pool, 'NodeProblem', 'Configure', `${node}: ${problem}`);
    faults.set(keyOf(pool.name, `${node} ${problem}`), { ...event, node });
  }
  return faults;
}
