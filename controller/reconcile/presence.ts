import type { SidecarPod } from '../kubernetes/sidecar-pod.ts';

/** How long a node counts as one with a sidecar after its sidecar's pod has gone: a rolling update replaces a pod in less. */
export const SIDECAR_GRACE_MS = 60_000;

/** When each node's sidecar was there last, in milliseconds of one clock; `Infinity` while it is there. */
export type Presence = ReadonlyMap<string, number>;

/** Which nodes count as having a sidecar. */
export interface Sidecars {
  readonly presence: Presence;
  readonly nodes: ReadonlySet<string>;
  /** When the answer changes by time alone; undefined: never. */
  readonly reviewAtMs: number | undefined;
}

/**
 * Which nodes have a sidecar, or had one until a moment ago.
 * @param pods the sidecars' pods
 * @param before what the last call returned; of a fresh controller, every node with a plan was there until now
 * @param nowMs of the clock that `before` is in
 */
export function sidecarsOf(pods: readonly SidecarPod[], before: Presence, nowMs: number): Sidecars {
  const here = new Set(pods.filter(({ running, node }) => running && node !== '').map(({ node }) => node));
  const presence = new Map<string, number>([...here].map((node) => [node, Number.POSITIVE_INFINITY]));
  let reviewAtMs: number | undefined;
  for (const [node, last] of before) {
    if (here.has(node)) continue;
    const goneMs = Math.min(last, nowMs);
    if (nowMs - goneMs >= SIDECAR_GRACE_MS) continue;
    presence.set(node, goneMs);
    reviewAtMs = Math.min(reviewAtMs ?? Number.POSITIVE_INFINITY, goneMs + SIDECAR_GRACE_MS);
  }
  return { presence, nodes: new Set(presence.keys()), reviewAtMs };
}
