import type { Asked } from './resetter.ts';

/** What is shown of the connections that nodes tell each other of. */
export interface ConnectionsView {
  /** Clients of this node's addresses that the others are told of. */
  readonly told: number;
  /** Those beyond the limit. */
  readonly leftOut: number;
  /** Processes of other nodes whose lists are known. */
  readonly nodes: number;
  /** What the last take-over led to; null before the first. */
  readonly last: (Asked & { readonly atMs: number }) | null;
  readonly problem: string | null;
}
