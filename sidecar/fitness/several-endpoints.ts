/*
 * Whether a node is preferred because it has several endpoints of a Service. Pure. Numbers of endpoints change with every pod that is
 * replaced, and each move breaks connections: so what is new counts when it has lasted, for as long as a returning node must.
 */

/** What kube-proxy counts now. */
export interface EndpointCount {
  /** More than one. */
  readonly several: boolean;
  /** Since when, by the monotonic clock. */
  readonly sinceMs: number;
}

interface Standing {
  readonly nowMs: number;
  /** Undefined: nothing is known, or endpoints do not count. */
  readonly count: EndpointCount | undefined;
  /** Null: the address stays where it is. */
  readonly failbackDelaySeconds: number | null;
}

/**
 * Whether the node counts as one with several endpoints, and when time alone changes that.
 * @param before what it counted as; undefined: this is the first decision, which takes what it finds, since the node may hold the address
 */
export function severalEndpoints(
  before: boolean | undefined,
  { nowMs, count, failbackDelaySeconds }: Standing,
): { readonly several: boolean; readonly reviewAtMs?: number } {
  if (failbackDelaySeconds === null || count === undefined) return { several: false };
  if (before === undefined || count.several === before) return { several: count.several };
  const atMs = count.sinceMs + failbackDelaySeconds * 1000;
  return nowMs >= atMs ? { several: count.several } : { several: before, reviewAtMs: atMs };
}
