import { describe, expect, it } from 'vitest';
import { nodePlanSpec } from '../reconcile/node-plan-spec.ts';
import { assignmentsOf } from './assignments.ts';
import { makePlan } from './planner.ts';
import { addresses, input, node, nodes, pool, remembered } from './testing/scenes.ts';
import type { Plan, PlanInput, PlanningNode } from './types.ts';

const unicast = { vrrp: { peering: 'Unicast' as const } };
const edge = { nodeSelector: { matchLabels: { role: 'edge' } } };
const one = pool('p', { addresses: addresses(1), ...unicast, ...edge });
const role = (value: string) => ({ labels: { role: value } });
const [a, b, c] = ['n-1', 'n-2', 'n-3'].map((name) => node(name, role('edge'))) as [
  PlanningNode,
  PlanningNode,
  PlanningNode,
];
const out = (each: PlanningNode) => ({ ...each, ...role('other') });

/** What each node runs for p-0: its rank, whether it is leaving, the last byte of its IPv4 peers. */
function running(plan: Plan): Record<string, string> {
  const entries = [...plan.nodes].flatMap(([name, { instances }]) =>
    instances.map(({ rank, leaving, peers = ['multicast'] }) => {
      return [name, `${rank}${leaving ? ' leaving' : ''} ${peers.map((peer) => peer.split('.').at(-1)).join(' ')}`];
    }),
  );
  return Object.fromEntries(entries);
}

/** Lets nodes act on a plan. */
function assigned(
  plan: Plan,
  options: { readonly behind?: readonly string[]; readonly heldBy?: string },
  from: PlanInput,
) {
  const plans = [...plan.nodes].map(([name, content]) => {
    const spec = nodePlanSpec(content);
    const held = options.heldBy === name ? [{ address: '192.168.0.1', since: '2026-01-01T00:00:00Z' }] : [];
    const observedPlan = options.behind?.includes(name) ? 'older' : spec.plan;
    return { metadata: { name }, spec, status: { observedPlan, held } };
  });
  return assignmentsOf(plans, from.nodes);
}

/** The next input, after the nodes acted on a plan. */
function acted(
  from: PlanInput,
  options: Parameters<typeof assigned>[1] & { readonly nodes?: readonly PlanningNode[] },
): PlanInput {
  const plan = makePlan(from);
  const next = { ...from, demands: remembered(from.demands, plan), nodes: options.nodes ?? from.nodes };
  return { ...next, assignments: assigned(plan, options, next) };
}

describe('by unicast', () => {
  const first = input({ nodes: [a, b], demands: [one] });

  it('a new group starts everywhere at once, each node with the others as peers', () => {
    expect(running(makePlan(input({ nodes: [a, b, c], demands: [one] })))).toEqual({
      'n-1': '0 3 4',
      'n-2': '1 2 4',
      'n-3': '2 2 3',
    });
  });

  it('a new node is told to the others before it starts itself', () => {
    const joining = acted(first, { nodes: [a, b, c] });
    const plan = makePlan(joining);
    expect(running(plan)).toEqual({ 'n-1': '0 3 4', 'n-2': '1 2 4' });
    expect(plan.demands.get('p')?.pending).toEqual([{ instance: 'p-0', node: 'n-3', state: 'joins' }]);
    expect(running(makePlan(acted(joining, { behind: ['n-2'] })))).toEqual(running(plan));
    expect(running(makePlan(acted(joining, {})))).toEqual({ 'n-1': '0 3 4', 'n-2': '1 2 4', 'n-3': '2 2 3' });
  });

  it('a node that goes is a peer of the others until it has said that it went', () => {
    const three = input({ nodes: [a, b, c], demands: [one] });
    const going = acted(three, { nodes: [a, b, out(c)] });
    expect(running(makePlan(going))).toEqual({ 'n-1': '0 3 4', 'n-2': '1 2 4' });
    expect(makePlan(going).nodes.get('n-3')).toEqual({ pools: [], instances: [] });
    const slow = acted(going, { behind: ['n-3'] });
    expect(running(makePlan(slow))).toEqual({ 'n-1': '0 3 4', 'n-2': '1 2 4' });
    expect(running(makePlan(acted(going, {})))).toEqual({ 'n-1': '0 3', 'n-2': '1 2' });
  });

  it('a node is not waited for when it is gone from the cluster', () => {
    const joining = acted(first, { nodes: [a, c] });
    const again = acted(joining, { behind: ['n-2'] });
    expect(running(makePlan(again))).toEqual({ 'n-1': '0 4', 'n-3': '1 2' });
  });

  it('all nodes may be replaced: the old ones stay until the new ones serve', () => {
    const alone = input({ nodes: [a, b, out(c)], demands: [one] });
    const replaced = acted(alone, { nodes: [out(a), out(b), c], heldBy: 'n-1' });
    expect(running(makePlan(replaced))).toEqual({ 'n-1': '1 leaving 3 4', 'n-2': '2 leaving 2 4' });
    const known = acted(replaced, { heldBy: 'n-1' });
    expect(running(makePlan(known))).toEqual({ 'n-1': '1 leaving 3 4', 'n-3': '0 2 3' });
    const served = acted(known, { heldBy: 'n-3' });
    expect(running(makePlan(served))).toMatchObject({ 'n-3': expect.stringMatching(/^0 2/) });
    expect(makePlan(served).nodes.get('n-1')?.instances).toEqual([]);
  });

  it('a single node is given another of the cluster as a peer, never an empty list', () => {
    const plan = makePlan(input({ nodes: [a, out(b), { ...out(c), hasSidecar: false }], demands: [one] }));
    expect(running(plan)).toEqual({ 'n-1': '0 3' });
    expect(plan.demands.get('p')?.problems).toEqual([
      {
        kind: 'NoPeers',
        message:
          'only one node may hold the addresses, so that no other can take over; choose more nodes by nodeSelector or tolerations',
      },
    ]);
  });

  it('the only node of a cluster serves without peers, and that is said', () => {
    const plan = makePlan(input({ nodes: [a], demands: [one] }));
    expect(running(plan)).toEqual({ 'n-1': '0 multicast' });
    expect(plan.demands.get('p')?.problems.map(({ kind }) => kind)).toEqual(['NoPeers']);
  });

  it('peers are of the family that the packets are of', () => {
    const six = pool('p', { addresses: ['fd00::100'], ...unicast, ...edge });
    const plan = makePlan(input({ nodes: [a, b], demands: [six] }));
    expect(plan.nodes.get('n-1')?.instances[0]?.peers).toEqual(['fd00::1:2']);
    const both = pool('p', { addresses: ['192.168.0.1', 'fd00::100'], ...unicast, ...edge });
    const few = input({ nodes: [a, b], demands: [both] });
    const mixed = makePlan({ ...few, settings: { ...few.settings, maxGroupsPerPool: 1 } });
    expect(mixed.nodes.get('n-1')?.instances[0]?.peers).toEqual(['10.1.0.3']);
  });

  it('a node without an address of that family stays out, and that is said', () => {
    const four = { ...c, addresses: ['10.1.0.4'] };
    const plan = makePlan(
      input({ nodes: [a, b, four], demands: [pool('p', { addresses: ['fd00::100'], ...unicast, ...edge })] }),
    );
    expect([...plan.nodes.keys()]).toEqual(['n-1', 'n-2']);
    expect(plan.demands.get('p')?.problems).toEqual([
      {
        kind: 'NoPeerAddress',
        message:
          'n-3 has no address of the family that the other nodes speak by unicast and cannot take part; give every node an IPv4 and an IPv6 address, or use vrrp.peering Multicast',
      },
    ]);
  });

  it('a virtual address that a node reports as its own is nobody’s peer', () => {
    const holding = acted(first, { nodes: [{ ...a, addresses: ['192.168.0.1', ...a.addresses] }, b], heldBy: 'n-1' });
    expect(running(makePlan(holding))).toEqual({ 'n-1': '0 3', 'n-2': '1 2' });
  });
});

describe('by multicast', () => {
  const spread = pool('p', { addresses: addresses(1), ...edge });

  it('a new node starts at once', () => {
    const next = acted(input({ nodes: [a], demands: [spread] }), { nodes: [a, b] });
    expect(running(makePlan(next))).toEqual({ 'n-1': '0 multicast', 'n-2': '1 multicast' });
  });

  it('a node that holds an address is the last until it holds it no longer, one that does not goes at once', () => {
    const all = input({ nodes: [a, b, c], demands: [spread] });
    const next = acted(all, { nodes: [out(a), out(b), c], heldBy: 'n-1' });
    expect(running(makePlan(next))).toEqual({ 'n-1': '1 leaving multicast', 'n-3': '0 multicast' });
    expect(makePlan(next).demands.get('p')?.pending).toEqual([{ instance: 'p-0', node: 'n-1', state: 'leaves' }]);
    expect(running(makePlan(acted(next, { heldBy: 'n-3' })))).toEqual({ 'n-3': '0 multicast' });
  });

  it('nobody stays when no node may hold the address', () => {
    const next = acted(input({ nodes: [a, b], demands: [spread] }), { nodes: [out(a), out(b)], heldBy: 'n-1' });
    expect(running(makePlan(next))).toEqual({});
  });

  it('a node that is cordoned in a big cluster stays while it holds an address', () => {
    const big = input({ nodes: nodes(12), demands: [pool('p', { addresses: addresses(1) })] });
    const next = acted(big, {
      nodes: nodes(12).map((each, index) => ({ ...each, unschedulable: index === 0 })),
      heldBy: 'node-01',
    });
    expect(running(makePlan(next))).toMatchObject({ 'node-01': '7 multicast', 'node-02': '0 multicast' });
  });
});
