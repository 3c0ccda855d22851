import * as z from 'zod';
import { readWatchEvent } from './watch-event.ts';

/* What a watch of a node says, as far as it matters here. Everything else of the object, mostly the list of its images, is dropped. */

const nodeSchema = z.object({
  spec: z
    .object({
      unschedulable: z.boolean().optional(),
      taints: z.array(z.object({ key: z.string() })).nullish(),
    })
    .nullish(),
});

/** What one event of a watch means. */
export type NodeEvent =
  /** Why nothing new shall come to the node, in words; null when nothing speaks against it. */
  | { readonly kind: 'node'; readonly cordon: string | null }
  /** The watch cannot go on. */
  | { readonly kind: 'error'; readonly code: number | undefined; readonly message: string }
  /** Nothing that changes what is known. */
  | { readonly kind: 'nothing' };

/** Set by an administrator on a node that is shut down and will not come back by itself. */
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

type Node = z.infer<typeof nodeSchema>;

/** The taint node.kubernetes.io/unschedulable does not count: a controller makes it of `unschedulable`, and so it comes and goes late. */
function cordonOf({ spec }: Node): string | null {
  if (spec?.unschedulable === true) return 'cordoned';
  return spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true ? 'out of service' : null;
}

/**
 * Reads one line of a watch of nodes. A node that is deleted keeps what was known of it: its pods end by themselves.
 * @throws Error when the line is none
 */
export function readNodeEvent(line: string): NodeEvent {
  const event = readWatchEvent(line);
  if (event.kind === 'error') return event;
  if (event.kind !== 'present') return { kind: 'nothing' };
  return { kind: 'node', cordon: cordonOf(nodeSchema.parse(event.object)) };
}

/** Why the node was cordoned, as it was kept over a restart; null when it was not, undefined when the document does not say. */
export function readCordon(document: unknown): string | null | undefined {
  return typeof document === 'string' || document === null ? document : undefined;
}
