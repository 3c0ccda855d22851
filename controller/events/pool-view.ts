import type { ClusterEvent } from '../kubernetes/cluster-api.ts';
import { poolReference } from '../kubernetes/references.ts';
import type { Problem, RefusedAddress } from '../plan/types.ts';

/** A pool as it is to be seen now. */
export interface PoolView {
  readonly name: string;
  readonly uid: string | undefined;
  /** Its addresses that are not refused, in canonical form, with the nodes that hold them. */
  readonly addresses: readonly {
    readonly address: string;
    readonly holders: readonly string[];
    /** Every fit node has it; absent: one. */
    readonly everywhere?: true;
  }[];
  readonly refused: readonly RefusedAddress[];
  readonly problems: readonly Problem[];
  /** What keeps nodes that take part in it from carrying out their plan. */
  readonly nodeProblems: readonly { readonly node: string; readonly problem: string }[];
}

/** A key that differs for different pools. */
export function keyOf(pool: string, address: string): string {
  return `${pool}\n${address}`;
}

/** An Event on a pool that says what is wrong. */
export function warning(pool: PoolView, reason: string, action: string, note: string): ClusterEvent {
  return { regarding: poolReference(pool), type: 'Warning', reason, action, note };
}
