import { describe, expect, it } from 'vitest';
import type { AgentPod } from '../kubernetes/agent-pod.ts';
import { AGENT_GRACE_MS, agentsOf } from './presence.ts';

function pod(node: string, running = true): AgentPod {
  return { metadata: { name: `agent-${node}` }, node, running };
}

const NONE = new Map<string, number>();

describe('the nodes with an agent', () => {
  it('are those where one runs', () => {
    const { nodes, reviewAtMs } = agentsOf([pod('a'), pod('b', false), pod('', false)], NONE, 0);
    expect([...nodes]).toEqual(['a']);
    expect(reviewAtMs).toBeUndefined();
  });

  it('stay for a minute after the pod has gone, counted from then', () => {
    const first = agentsOf([pod('a'), pod('b')], NONE, 0);
    const gone = agentsOf([pod('b')], first.presence, 10_000);
    expect([...gone.nodes].toSorted()).toEqual(['a', 'b']);
    expect(gone.reviewAtMs).toBe(10_000 + AGENT_GRACE_MS);
    const later = agentsOf([pod('b')], gone.presence, 9_999 + AGENT_GRACE_MS);
    expect(later.nodes.has('a')).toBe(true);
    const over = agentsOf([pod('b')], later.presence, 10_000 + AGENT_GRACE_MS);
    expect([...over.nodes]).toEqual(['b']);
    expect(over.reviewAtMs).toBeUndefined();
  });

  it('begin anew when the pod is back', () => {
    const first = agentsOf([pod('a')], NONE, 0);
    const gone = agentsOf([], first.presence, 1000);
    const back = agentsOf([pod('a')], gone.presence, 30_000);
    expect(agentsOf([], back.presence, 80_000).reviewAtMs).toBe(80_000 + AGENT_GRACE_MS);
  });

  it('of a fresh controller include those with a plan whose pod is being replaced', () => {
    expect(agentsOf([], new Map([['a', 5]]), 5).nodes.has('a')).toBe(true);
  });
});
