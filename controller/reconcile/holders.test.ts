import { describe, expect, it } from 'vitest';
import type { NodePlanStatus } from '../../api/node-plan.ts';
import { held, nodePlanOf } from '../testing/objects.ts';
import { type HolderMemory, type Holders, holdersOf, NOTHING_REPORTED, SILENCE_MS } from './holders.ts';

const VIP = '192.0.2.100';
const BOTH = new Set(['a', 'b']);
const NOON = Date.parse('2026-01-01T12:00:00Z');

function at(nowMs: number) {
  return { nowMs, wallMs: NOON + nowMs };
}

function nodes({ holders }: Holders, address = VIP): string[] {
  return (holders.get(address) ?? []).map(({ node }) => node);
}

/** What is remembered after node a held the address from the start, and was heard of at 0. */
function aHolds(): HolderMemory {
  return holdersOf([nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', {})], BOTH, NOTHING_REPORTED, at(0)).memory;
}

describe('the holders of an address that every fit node is to have', () => {
  const onLo = (name: string, status: NodePlanStatus = { held: [held(VIP)] }) => {
    const plan = nodePlanOf(name, status);
    const loopback = [{ name: 'web', pool: 'web', addresses: [VIP] }];
    return { ...plan, spec: { ...plan.spec, instances: [], loopback } };
  };

  it('are all that say so, but for those whose kubelet is silent', () => {
    const plans = [onLo('a'), onLo('b'), onLo('c', {})];
    expect(nodes(holdersOf(plans, BOTH, NOTHING_REPORTED, at(0)))).toEqual(['a', 'b']);
    const seen = holdersOf(plans, new Set(['b', 'c']), NOTHING_REPORTED, at(0));
    expect([nodes(seen), seen.reviewAtMs]).toEqual([['b'], undefined]);
  });
});

describe('the holder of an address', () => {
  it('is the node that says so, however it writes the address', () => {
    const plans = [nodePlanOf('a', { held: [held('2001:DB8:0::1')] }), nodePlanOf('b')];
    expect(nodes(holdersOf(plans, BOTH, NOTHING_REPORTED, at(0)), '2001:db8::1')).toEqual(['a']);
  });

  it('is the node that took over, while the one that died still says it, and its kubelet is not missed yet', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(plans, BOTH, aHolds(), at(1000));
    expect(nodes(seen)).toEqual(['b']);
    expect(seen.reviewAtMs).toBe(1000 + SILENCE_MS);
    const later = holdersOf(plans, new Set(['b']), seen.memory, at(50_000));
    expect(nodes(later)).toEqual(['b']);
    expect(later.reviewAtMs).toBeUndefined();
  });

  it('are both when the older one has shown since that it lives', () => {
    const moved = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(moved, BOTH, aHolds(), at(1000));
    const alive = [nodePlanOf('a', { held: [held(VIP)], problems: ['x'] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    expect(nodes(holdersOf(alive, BOTH, seen.memory, at(2000)))).toEqual(['a', 'b']);
  });

  it('are both when they go on saying so and the kubelet of neither falls silent', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(plans, BOTH, aHolds(), at(1000));
    expect(nodes(holdersOf(plans, BOTH, seen.memory, at(999 + SILENCE_MS)))).toEqual(['b']);
    expect(nodes(holdersOf(plans, BOTH, seen.memory, at(1000 + SILENCE_MS)))).toEqual(['a', 'b']);
  });

  it('stays the node that holds it alone, though its kubelet is silent', () => {
    expect(nodes(holdersOf([nodePlanOf('a', { held: [held(VIP)] })], new Set(), aHolds(), at(1000)))).toEqual(['a']);
  });

  it('is the newer one for a controller that finds both at its start', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP, 5)] }), nodePlanOf('b', { held: [held(VIP)] })];
    expect(nodes(holdersOf(plans, BOTH, NOTHING_REPORTED, at(0)))).toEqual(['a']);
  });

  it('is nobody when nobody says so', () => {
    expect(nodes(holdersOf([nodePlanOf('a', {})], BOTH, aHolds(), at(1000)))).toEqual([]);
  });

  it('is nobody who was never told to run it, though he says so', () => {
    const { spec } = nodePlanOf('a', { held: [held('192.0.2.101')] });
    const liar = { ...nodePlanOf('a', { held: [held('192.0.2.101'), held(VIP)] }), spec };
    const seen = holdersOf([liar, nodePlanOf('b', { held: [held(VIP)] })], BOTH, NOTHING_REPORTED, at(0));
    expect(nodes(seen)).toEqual(['b']);
    expect(nodes(seen, '192.0.2.101')).toEqual(['a']);
    const alone = holdersOf([liar], BOTH, seen.memory, at(SILENCE_MS));
    expect(nodes(alone)).toEqual([]);
  });

  it('is still the node that is not to run it any more, until it says that it has let go', () => {
    const idle = (status: NodePlanStatus) => ({ ...nodePlanOf('a', status), spec: nodePlanOf('a').spec });
    const keeps = holdersOf([idle({ held: [held(VIP)] })], BOTH, aHolds(), at(1000));
    expect(nodes(keeps)).toEqual(['a']);
    const gone = holdersOf([idle({ held: [] })], BOTH, keeps.memory, at(2000));
    expect(nodes(gone)).toEqual([]);
    const again = holdersOf([idle({ held: [held(VIP)] })], BOTH, gone.memory, at(3000));
    expect(nodes(again)).toEqual([]);
  });

  it('is one node, also when it says so twice', () => {
    const twice = nodePlanOf('a', { held: [held(VIP), held(VIP, 5)] });
    expect(nodes(holdersOf([twice], BOTH, NOTHING_REPORTED, at(0)))).toEqual(['a']);
  });

  it('holds it since no later than now, whatever its clock says', () => {
    const ahead = nodePlanOf('a', { held: [{ address: VIP, since: '2036-01-01T00:00:00Z' }] });
    const seen = holdersOf([ahead], BOTH, NOTHING_REPORTED, at(0));
    const later = holdersOf([ahead], BOTH, seen.memory, at(60_000));
    const since = '2026-01-01T12:00:00.000Z';
    expect([seen, later].map(({ holders }) => holders.get(VIP)?.[0]?.since)).toEqual([since, since]);
  });
});
