import { STALL_MS } from '../support/stalls.ts';
import { MOST_REPEATS } from '../support/undisturbed.ts';

/** Conditions under which a cluster was measured. */
export interface Conditions {
  readonly date: string;
  readonly kubernetes: string;
  /** Runs that were not counted, because the machine itself stood still meanwhile. */
  readonly repeatedRuns: number;
}

/** How runs were told that say nothing of the product, and how many there were. */
export function repeatedSentence({ repeatedRuns }: Pick<Conditions, 'repeatedRuns'>): string {
  const few = ['there was none', 'there was one'];
  const found = few[repeatedRuns] ?? `there were ${repeatedRuns}`;
  return `A run with an outage, or a move where none should be, during which or half a second before which the machine gave one of its cores no time for ${STALL_MS} ms or more, as a process of real-time priority on each core sees it, is repeated, up to ${MOST_REPEATS} times: ${found}.`;
}

/** How the processors of one machine are divided when it is the nodes, the ingress and the client at the same time; a sentence for the page. */
export const SHARED_PROCESSORS =
  "Clients and ingress have real-time priority, below keepalived's: on machines of their own they would not wait for what starts on a node.";
