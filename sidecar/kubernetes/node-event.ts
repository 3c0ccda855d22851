import { z } from 'zod';

/* What a watch of a node says, as far as it matters here. Everything else of the object, mostly the list of its images, is dropped. */

const nodeSchema = z.object({
  spec: z
    .object({
      unschedulable: z.boolean().optional(),
      taints: z.array(z.object({ key: z.string() })).nullish(),
    })
    .nullish(),
});

const eventSchema = z.object({ type: z.string(), object: z.unknown() });

const statusSchema = z.object({ code: z.number().optional(), message: z.string().optional() });

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
 * Reads one line of a watch of nodes (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 * A node that is deleted keeps what was known of it: its pods end by themselves.
 * @throws Error when the line is none
 */
export function readNodeEvent(line: string): NodeEvent {
  const { type, object } = eventSchema.parse(JSON.parse(line));
  if (type === 'ADDED' || type === 'MODIFIED') return { kind: 'node', cordon: cordonOf(nodeSchema.parse(object)) };
  if (type !== 'ERROR') return { kind: 'nothing' };
  const { code, message } = statusSchema.parse(object);
  return { kind: 'error', code, message: message ?? 'the watch ended with an error' };
}
