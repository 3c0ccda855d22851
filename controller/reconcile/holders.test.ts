import { describe, expect, it } from 'vitest';
import { held, nodePlanOf } from '../testing/objects.ts';
import { type Hearing, type Holders, holdersOf, NOTHING_HEARD, SILENCE_MS } from './holders.ts';

const VIP = '192.0.2.100';
const BOTH = new Set(['a', 'b']);

function nodes({ holders }: Holders, address = VIP): string[] {
  return (holders.get(address) ?? []).map(({ node }) => node);
}

/** What is remembered after node a held the address from the start, and was heard of at 0. */
function aHolds(): Hearing {
  return holdersOf([nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', {})], BOTH, NOTHING_HEARD, 0).hearing;
}

describe('the holder of an address', () => {
  it('is the node that says so, however it writes the address', () => {
    const plans = [nodePlanOf('a', { held: [held('2001:DB8:0::1')] }), nodePlanOf('b')];
    expect(nodes(holdersOf(plans, BOTH, NOTHING_HEARD, 0), '2001:db8::1')).toEqual(['a']);
  });

  it('is the node that took over, while the one that died still says it, and its kubelet is not missed yet', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(plans, BOTH, aHolds(), 1000);
    expect(nodes(seen)).toEqual(['b']);
    expect(seen.reviewAtMs).toBe(1000 + SILENCE_MS);
    const later = holdersOf(plans, new Set(['b']), seen.hearing, 50_000);
    expect(nodes(later)).toEqual(['b']);
    expect(later.reviewAtMs).toBeUndefined();
  });

  it('are both when the older one has shown since that it lives', () => {
    const taken = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(taken, BOTH, aHolds(), 1000);
    const alive = [nodePlanOf('a', { held: [held(VIP)], problems: ['x'] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    expect(nodes(holdersOf(alive, BOTH, seen.hearing, 2000))).toEqual(['a', 'b']);
  });

  it('are both when they go on saying so and the kubelet of neither falls silent', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP)] }), nodePlanOf('b', { held: [held(VIP, 5)] })];
    const seen = holdersOf(plans, BOTH, aHolds(), 1000);
    expect(nodes(holdersOf(plans, BOTH, seen.hearing, 999 + SILENCE_MS))).toEqual(['b']);
    expect(nodes(holdersOf(plans, BOTH, seen.hearing, 1000 + SILENCE_MS))).toEqual(['a', 'b']);
  });

  it('stays the node that holds it alone, though its kubelet is silent', () => {
    expect(nodes(holdersOf([nodePlanOf('a', { held: [held(VIP)] })], new Set(), aHolds(), 1000))).toEqual(['a']);
  });

  it('is the newer one for a controller that finds both at its start', () => {
    const plans = [nodePlanOf('a', { held: [held(VIP, 5)] }), nodePlanOf('b', { held: [held(VIP)] })];
    expect(nodes(holdersOf(plans, BOTH, NOTHING_HEARD, 0))).toEqual(['a']);
  });

  it('is nobody when nobody says so', () => {
    expect(nodes(holdersOf([nodePlanOf('a', {})], BOTH, aHolds(), 1000))).toEqual([]);
  });
});
