import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LOOPBACK_ADDRESSES } from '../../api/node-plan.ts';
import type { VirtualIpPoolSpec } from '../../api/virtual-ip-pool.ts';
import { makePlan } from './planner.ts';
import { addresses, input, node, nodes, pool, remembered } from './testing/scenes.ts';
import type { PlanInput } from './types.ts';

const OLDER = '2025-01-01T00:00:00Z';
const YOUNGER = '2027-01-01T00:00:00Z';
const ALL: Partial<VirtualIpPoolSpec> = { distribution: { mode: 'All' } };

function loopbackOf(of: PlanInput): Record<string, string[]> {
  const found = [...makePlan(of).nodes].map(([name, { loopback = [] }]) => [
    name,
    loopback.flatMap((each) => each.addresses),
  ]);
  return Object.fromEntries(found);
}

describe('addresses that every fit node has', () => {
  it('are in the plan of each node that may hold them, with their pool, and in no group', () => {
    const web = pool('web', { ...ALL, addresses: ['192.0.2.1', '2001:db8::1'], nodeSelector: { anyLabel: ['edge'] } });
    const cluster = [
      node('node-1', { labels: { edge: '' } }),
      node('node-2'),
      node('node-3', { labels: { edge: '' } }),
    ];
    const plan = makePlan(input({ demands: [web], nodes: cluster }));
    expect([...plan.nodes.keys()]).toEqual(['node-1', 'node-3']);
    expect(plan.nodes.get('node-1')).toEqual({
      pools: [{ name: 'web', interface: '', failbackDelaySeconds: 30 }],
      instances: [],
      loopback: [{ name: 'web', pool: 'web', addresses: ['192.0.2.1', '2001:db8::1'] }],
    });
    expect(plan.demands.get('web')).toMatchObject({
      everywhere: true,
      groups: [],
      problems: [],
      refused: [],
      eligibleNodes: ['node-1', 'node-3'],
    });
  });

  it('take nothing from pools whose addresses one node has: neither router ids, nor places, nor addresses', () => {
    const counts = fc.tuple(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
    );
    fc.assert(
      fc.property(counts, fc.boolean(), ([size, ones, alls], older) => {
        const created = older ? OLDER : YOUNGER;
        // Both ask for half of what the first asks for: the older one has it.
        const half = Math.ceil(ones / 2);
        const one = pool('one', { addresses: addresses(ones) });
        const all = pool('all', { ...ALL, addresses: [...addresses(half), ...addresses(alls, 1)] }, { created });
        const cluster = nodes(size);
        const left = pool('one', { addresses: addresses(ones).slice(older ? half : 0) });
        const alone = makePlan(input({ demands: [left], nodes: cluster }));
        const mixed = makePlan(input({ demands: [one, all], nodes: cluster }));
        expect(mixed.demands.get('one')?.groups).toEqual(alone.demands.get('one')?.groups);
        const expected = [...(older ? addresses(half) : []), ...addresses(alls, 1)];
        const given = Object.values(loopbackOf(input({ demands: [one, all], nodes: cluster })));
        expect(given.map((each) => each.toSorted())).toEqual(cluster.map(() => expected.toSorted()));
        const again = makePlan(input({ demands: remembered([one, all], mixed), nodes: cluster }));
        expect(again.nodes).toEqual(mixed.nodes);
      }),
      { numRuns: 60 },
    );
  });

  it('ask where their own endpoints are, at the address of the Service’s family', () => {
    const base = pool('web', { ...ALL, addresses: ['192.0.2.1'] });
    const local = {
      ...{ ...base, name: 'svc-0123456789', addresses: ['192.0.2.9'], maxGroups: 1, endpointFamily: 6 as const },
      settings: { ...base.settings, ofPool: 'web', localEndpoints: { port: 30_001 } },
    };
    const { pools, loopback } = makePlan(input({ demands: [base, local], nodes: nodes(1) })).nodes.get('node-1') ?? {};
    expect(pools).toEqual([{ name: 'web', interface: '', failbackDelaySeconds: 30 }]);
    expect(loopback).toEqual([
      {
        ...{ name: 'svc-0123456789', pool: 'web', addresses: ['192.0.2.9'] },
        localEndpoints: { port: 30_001, host: 'fd00::1:1' },
      },
      { name: 'web', pool: 'web', addresses: ['192.0.2.1'] },
    ]);
  });

  it('are told of where a node says that they are in its subnet; the others have them all the same', () => {
    const web = pool('web', { ...ALL, addresses: ['192.0.2.1', '198.51.100.1'] });
    const nodeSubnets = new Map([['node-1', ['192.0.2.77/24', '198.51.100.1/32']]]);
    const of = input({ demands: [web], nodes: nodes(2), nodeSubnets });
    expect(makePlan(of).demands.get('web')?.problems).toMatchObject([
      { kind: 'OnLinkAddress', message: expect.stringContaining('192.0.2.1 (192.0.2.77/24 of node-1)') },
    ]);
    expect(loopbackOf(of)['node-2']).toEqual(['192.0.2.1', '198.51.100.1']);
  });

  it('are told of when every node is cordoned', () => {
    const web = pool('web', { ...ALL, addresses: ['192.0.2.1'] });
    const cordoned = nodes(2).map((each) => ({ ...each, unschedulable: true }));
    const kinds = (of: PlanInput) =>
      makePlan(of)
        .demands.get('web')
        ?.problems.map(({ kind }) => kind);
    expect(kinds(input({ demands: [web], nodes: cordoned }))).toEqual(['EveryNodeCordoned']);
    expect(kinds(input({ demands: [web], nodes: [...cordoned, node('node-3')] }))).toEqual([]);
  });

  it('are no more than a plan has room for: the youngest pool goes short, and says so', () => {
    const [first, second] = [
      pool('first', { ...ALL, addresses: addresses(8000) }),
      pool('second', { ...ALL, addresses: addresses(400, 50) }),
    ];
    const plan = makePlan(input({ demands: [first, second], nodes: nodes(1) }));
    const { loopback = [] } = plan.nodes.get('node-1') ?? {};
    expect(loopback.flatMap((each) => each.addresses)).toHaveLength(MAX_LOOPBACK_ADDRESSES);
    expect(plan.demands.get('first')?.problems).toEqual([]);
    expect(plan.demands.get('second')?.problems).toMatchObject([{ kind: 'TooManyAddresses' }]);
  });
});
