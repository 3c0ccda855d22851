import { describe, expect, it } from 'vitest';
import { type Observation, type Observed, observe } from './observe.ts';
import type { PoolView } from './pool-view.ts';

function pool(holders: Readonly<Record<string, readonly string[]>>, changes: Partial<PoolView> = {}): PoolView {
  const addresses = Object.entries(holders).map(([address, nodes]) => ({ address, holders: nodes }));
  return { name: 'web', uid: 'u', addresses, refused: [], problems: [], nodeProblems: [], ...changes };
}

function reasons({ events }: Observation): string[] {
  return events.map(({ type, reason }) => `${type} ${reason}`);
}

/** What is remembered after looking at these, one second apart. */
function remembered(...views: PoolView[]): Observed {
  let observed: Observed | undefined;
  for (const [index, view] of views.entries()) observed = observe([view], observed, index * 1000).observed;
  if (observed === undefined) throw new Error('looked at nothing');
  return observed;
}

describe('what is observed', () => {
  it('has no moves at first sight', () => {
    expect(observe([pool({ x: ['a'] })], undefined, 0)).toMatchObject({ events: [], moves: [] });
  });

  it('finds nothing wrong with an address that every fit node has, and no move', () => {
    const of = (...holders: readonly string[]) =>
      pool({}, { addresses: [{ address: 'x', holders, everywhere: true }] });
    const before = remembered(of('a'), of('b'), of('a', 'b', 'c'));
    expect(observe([of('a', 'b', 'c')], before, 60_000)).toMatchObject({
      events: [],
      moves: [],
      reviewAtMs: undefined,
    });
    expect(observe([of('c')], before, 60_000)).toMatchObject({ events: [], moves: [] });
  });

  it('tells the moves between two nodes in one Event', () => {
    const before = remembered(pool({ x: ['a'], y: ['a'], z: ['b'] }));
    const { events, moves } = observe([pool({ x: ['b'], y: ['b'], z: ['c'] })], before, 5000);
    expect(moves).toEqual([
      { pool: 'web', from: 'a', to: 'b', addresses: ['x', 'y'] },
      { pool: 'web', from: 'b', to: 'c', addresses: ['z'] },
    ]);
    expect(events.map(({ note }) => note)).toEqual([
      '2 addresses moved from a to b: x, y',
      '1 address moved from b to c: z',
    ]);
    expect(events[0]).toMatchObject({
      regarding: { kind: 'VirtualIPPool', name: 'web', uid: 'u' },
      type: 'Normal',
      reason: 'AddressesMoved',
    });
  });

  it('sees a move also across a time when nobody held it', () => {
    const before = remembered(pool({ x: ['a'] }), pool({ x: [] }));
    expect(observe([pool({ x: ['b'] })], before, 5000).moves).toHaveLength(1);
  });

  it('sees no move when an address is back where it was', () => {
    const before = remembered(pool({ x: ['a'] }), pool({ x: [] }));
    expect(observe([pool({ x: ['a'] })], before, 5000).moves).toEqual([]);
  });

  it('tells two holders after a second, once', () => {
    const view = pool({ x: ['a', 'b'] });
    const first = observe([view], remembered(pool({ x: ['a'] })), 0);
    expect(first.events).toEqual([]);
    expect(first.reviewAtMs).toBe(1001);
    const second = observe([view], first.observed, 1001);
    expect(reasons(second)).toEqual(['Warning SeveralHolders']);
    expect(second.events[0]?.note).toBe('held by more than one node: x by a and b');
    const third = observe([view], second.observed, 9000);
    expect(third.events).toEqual([]);
    expect(third.reviewAtMs).toBeUndefined();
  });

  it('forgets two holders that were so for a moment only', () => {
    const before = remembered(pool({ x: ['a', 'b'] }), pool({ x: ['b'] }));
    expect(observe([pool({ x: ['a', 'b'] })], before, 60_000).events).toEqual([]);
  });

  it('tells a fault once, and again when it came back', () => {
    const refused = [{ address: 'x', reason: 'x belongs to pool "old"', claimedBy: 'old' }];
    const problems = [{ kind: 'NoEligibleNode' as const, message: 'no node has a sidecar' }];
    const nodeProblems = [{ node: 'a', problem: 'no interface eth9' }];
    const faulty = pool({}, { refused, problems, nodeProblems });
    const first = observe([faulty], undefined, 0);
    expect(reasons(first)).toEqual(['Warning AddressRefused', 'Warning NoEligibleNode', 'Warning NodeProblem']);
    expect(first.events.map(({ note }) => note)).toContain('a: no interface eth9');
    expect(observe([faulty], first.observed, 1).events).toEqual([]);
    const healed = observe([pool({})], first.observed, 2);
    expect(observe([faulty], healed.observed, 3).events).toHaveLength(3);
  });

  it('tells a coarse spread as a note', () => {
    const problems = [{ kind: 'CoarseSpread' as const, message: 'nodes differ by 3' }];
    expect(reasons(observe([pool({}, { problems })], undefined, 0))).toEqual(['Normal CoarseSpread']);
  });
});
