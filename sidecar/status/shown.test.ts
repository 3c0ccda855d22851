import { describe, expect, it } from 'vitest';
import type { DesiredInstance } from '../desired/desired.ts';
import { type HolderState, unknownHolder } from '../keepalived/holder.ts';
import { anotherOwn, pooledInstance } from '../testing/desired.ts';
import { healthySnapshot } from '../testing/snapshot.ts';
import {
  controlPlaneInstances,
  hasNodeInstance,
  nodeProblem,
  nodeState,
  poolInstances,
  poolProblems,
} from './shown.ts';

const { holder: held, fitness: healthy } = healthySnapshot();
const nothing = unknownHolder(1_600_000_000_000);
if (healthy === undefined) throw new Error('a healthy node has decided');

function known(
  desired: DesiredInstance,
  state: Partial<HolderState> = {},
  fitness: typeof healthy | undefined = healthy,
) {
  return { desired, holder: { state: { ...held, ...state } }, fitness: { fitness } };
}

const own = anotherOwn('vip', {});
const second = anotherOwn('vip2', { virtualRouterId: 11 });
const pooled = pooledInstance(1);

describe('what is shown of the control plane', () => {
  it('is each of its instances by itself, which are the node’s own together besides', () => {
    const shown = { as: 'node', of: 'controlPlane' } as const;
    const first: DesiredInstance = { ...own, name: 'api_1', shown };
    const other: DesiredInstance = { ...second, name: 'api_2', shown, rank: 2 };
    const backup = { vrrp: { ...held.vrrp, state: 'BACKUP' as const } };
    const all = [known(pooled), known(first), known(other, backup), known(own)];
    expect(controlPlaneInstances(all)).toEqual([
      { name: 'api_1', rank: first.rank, virtualRouterId: 10, holder: held, fitness: healthy },
      { name: 'api_2', rank: 2, virtualRouterId: 11, holder: { ...held, ...backup }, fitness: healthy },
    ]);
    expect(hasNodeInstance([first])).toBe(true);
  });
});

describe('what is shown as the node’s own', () => {
  it('is nothing, since the beginning, where there is no instance but those of pools', () => {
    expect(nodeState([known(pooled)], nothing)).toEqual({ holder: nothing, fitness: undefined });
    expect([hasNodeInstance([pooled]), hasNodeInstance([pooled, own])]).toEqual([false, true]);
  });

  it('is the one instance that is the node’s own, whatever pools there are', () => {
    const state = nodeState([known(pooled, { holder: false }), known(own)], nothing);
    expect(state).toEqual({ holder: held, fitness: healthy });
  });

  it('is of several all addresses, every disagreement, and the least fit', () => {
    const sick = { ...healthy, band: 5 as const, priority: 53 };
    const away = { holder: false, sinceMs: held.sinceMs + 9, disagreement: 'keepalived is MASTER without it' };
    const [one, other] = [known(own), known(second, away, sick)];
    for (const order of [
      [one, other],
      [other, one],
    ]) {
      expect(nodeState(order, nothing)).toMatchObject({
        holder: { holder: true, sinceMs: held.sinceMs, disagreement: away.disagreement },
        fitness: sick,
      });
    }
    const both = nodeState([one, other], nothing).holder;
    expect([both.addresses.length, both.vrrp]).toEqual([2 * held.addresses.length, held.vrrp]);
    const undecided = { ...known(second), fitness: { fitness: undefined } };
    expect(nodeState([one, undecided, other], nothing).fitness).toBeUndefined();
    expect(nodeState([known(own, away), known(second, away)], nothing).holder).toMatchObject({
      holder: false,
      sinceMs: away.sinceMs,
    });
  });
});

describe('what is shown of pools', () => {
  it('is a list without what is the node’s own', () => {
    expect(poolInstances([known(own), known(pooled), known(second)])).toEqual([
      { name: 'default-1', pool: 'default', rank: 1, virtualRouterId: 21, holder: held, fitness: healthy },
    ]);
  });

  it('has its problems by instance, and the node its own without', () => {
    const problems = [
      { instance: 'vip', message: 'a', shown: own.shown },
      { instance: 'default-1', message: 'b', shown: pooled.shown },
      { instance: 'vip2', message: 'c', shown: second.shown },
    ];
    expect(poolProblems(problems)).toEqual(['default-1: b']);
    expect(nodeProblem(problems)).toBe('a; c');
    expect(nodeProblem(problems.slice(1, 2))).toBeNull();
  });
});
