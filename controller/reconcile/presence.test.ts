import { describe, expect, it } from 'vitest';
import type { SidecarPod } from '../kubernetes/sidecar-pod.ts';
import { SIDECAR_GRACE_MS, sidecarsOf } from './presence.ts';

function pod(node: string, running = true): SidecarPod {
  return { metadata: { name: `sidecar-${node}` }, node, running };
}

const NONE = new Map<string, number>();

describe('the nodes with a sidecar', () => {
  it('are those where one runs', () => {
    const { nodes, reviewAtMs } = sidecarsOf([pod('a'), pod('b', false), pod('', false)], NONE, 0);
    expect([...nodes]).toEqual(['a']);
    expect(reviewAtMs).toBeUndefined();
  });

  it('stay for a minute after the pod has gone, counted from then', () => {
    const first = sidecarsOf([pod('a'), pod('b')], NONE, 0);
    const gone = sidecarsOf([pod('b')], first.presence, 10_000);
    expect([...gone.nodes].toSorted()).toEqual(['a', 'b']);
    expect(gone.reviewAtMs).toBe(10_000 + SIDECAR_GRACE_MS);
    const later = sidecarsOf([pod('b')], gone.presence, 9_999 + SIDECAR_GRACE_MS);
    expect(later.nodes.has('a')).toBe(true);
    const over = sidecarsOf([pod('b')], later.presence, 10_000 + SIDECAR_GRACE_MS);
    expect([...over.nodes]).toEqual(['b']);
    expect(over.reviewAtMs).toBeUndefined();
  });

  it('begin anew when the pod is back', () => {
    const first = sidecarsOf([pod('a')], NONE, 0);
    const gone = sidecarsOf([], first.presence, 1000);
    const back = sidecarsOf([pod('a')], gone.presence, 30_000);
    expect(sidecarsOf([], back.presence, 80_000).reviewAtMs).toBe(80_000 + SIDECAR_GRACE_MS);
  });

  it('of a fresh controller include those with a plan whose pod is being replaced', () => {
    expect(sidecarsOf([], new Map([['a', 5]]), 5).nodes.has('a')).toBe(true);
  });
});
