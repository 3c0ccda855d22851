import { describe, expect, it } from 'vitest';
import { makePlan } from '../../plan/planner.ts';
import { input, nodes, pool } from '../../plan/testing/scenes.ts';
import { plannedForSeveral } from './held.ts';

describe('addresses that several nodes are to have', () => {
  it('are those of every fit node, and those of nodes that are elected', () => {
    const demands = [
      pool('one', { addresses: ['192.0.2.1'] }),
      pool('all', { addresses: ['192.0.2.2'], distribution: { mode: 'All' } }),
      pool('some', { addresses: ['192.0.2.3'], distribution: { mode: 'Replicas', replicas: 2 } }),
    ];
    expect(plannedForSeveral(makePlan(input({ demands, nodes: nodes(3) })))).toEqual(
      new Map([
        ['192.0.2.2', 'EveryFitNode'],
        ['192.0.2.3', 'ElectedNodes'],
      ]),
    );
  });
});
