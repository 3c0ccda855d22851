import * as z from 'zod';

const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const statusSchema = z.object({ code: z.number().optional(), message: z.string().optional() });

/** One event of a watch (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). */
export type WatchEvent =
  /** An object as it is now, or `deleted` as it last was. `bookmark`: only its resource version means something. */
  | { readonly kind: 'present' | 'deleted' | 'bookmark' | 'other'; readonly object: unknown }
  /** The watch cannot go on. */
  | { readonly kind: 'error'; readonly code: number | undefined; readonly message: string };

const KINDS = { ADDED: 'present', MODIFIED: 'present', DELETED: 'deleted', BOOKMARK: 'bookmark' } as const;

function isKnown(type: string): type is keyof typeof KINDS {
  return type in KINDS;
}

/**
 * Reads one line of a watch.
 * @throws Error when the line is none
 */
export function readWatchEvent(line: string): WatchEvent {
  const { type, object } = eventSchema.parse(JSON.parse(line));
  if (type === 'ERROR') {
    const { code, message } = statusSchema.parse(object);
    return { kind: 'error', code, message: message ?? 'the watch ended with an error' };
  }
  return { kind: isKnown(type) ? KINDS[type] : 'other', object };
}
