/*
 * Whether all endpoints that a node has are known, so that their held connections may say that it has none any more. Pure.
 *
 * The plan names them, and it may be old: a pod that it does not know yet serves as well as any. kube-proxy counts them without naming
 * them. Where both have the same number, that may be by chance, one pod having come and another gone. So both must have changed: after
 * kube-proxy's number changed, the plan's names are trusted again when they changed, too, and the numbers are the same.
 */

/** What is remembered of the two. */
export interface EndpointTrust {
  /** Keys of the endpoints that the plan names. */
  readonly named: readonly string[];
  /** How many kube-proxy counts; undefined: it did not say. */
  readonly counted: number | undefined;
  /** The names are those of all endpoints that kube-proxy counts. */
  readonly trusted: boolean;
  /** The names changed, and kube-proxy's number is to follow. */
  readonly ahead: boolean;
}

/** Where nothing was said yet. */
export const NO_TRUST: EndpointTrust = { named: [], counted: undefined, trusted: false, ahead: true };

function agree(named: readonly string[], counted: number | undefined): boolean {
  return counted === named.length;
}

/** After a plan named these. */
export function afterNames(before: EndpointTrust, named: readonly string[]): EndpointTrust {
  if (named.length === before.named.length && named.every((key) => before.named.includes(key))) return before;
  const trusted = agree(named, before.counted);
  return { ...before, named, trusted, ahead: !trusted };
}

/** After kube-proxy counted so many. */
export function afterCount(before: EndpointTrust, counted: number): EndpointTrust {
  if (counted === before.counted) return before;
  const trusted = before.ahead && agree(before.named, counted);
  return { ...before, counted, trusted, ahead: before.ahead && !trusted };
}

/**
 * Whether the node has lost all endpoints that it had.
 * @param isGone whether the held connection to an endpoint broke, and others were refused
 */
export function allGone({ named, trusted }: EndpointTrust, isGone: (key: string) => boolean): boolean {
  return trusted && named.length > 0 && named.every(isGone);
}
