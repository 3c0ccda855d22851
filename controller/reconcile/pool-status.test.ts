import { describe, expect, it } from 'vitest';
import type { IpFamily } from '../../api/ip-family.ts';
import type { VirtualIpPool, VirtualIpPoolStatus } from '../../api/virtual-ip-pool.ts';
import type { DemandPlan } from '../plan/types.ts';
import { poolOf } from '../testing/objects.ts';
import { poolStatus, type StatusInput } from './pool-status.ts';

const NOW = '2026-01-01T01:00:00.000Z';
const POOL = poolOf('web', ['192.0.2.100/24', '2001:DB8::1']);

const PLAN: DemandPlan = {
  name: 'web',
  pool: 'web',
  groups: [
    { slot: 0, virtualRouterId: 1, addresses: ['192.0.2.100'], nodes: ['a', 'b'] },
    { slot: 1, virtualRouterId: 2, addresses: ['2001:db8::1'], nodes: ['b', 'a'] },
  ],
  eligibleNodes: ['a', 'b'],
  addresses: [
    { address: '192.0.2.100', given: '192.0.2.100/24', slot: 0 },
    { address: '2001:db8::1', given: '2001:DB8::1', slot: 1 },
  ],
  refused: [],
  problems: [],
  pending: [],
};

function claim(node: string) {
  return { node, since: '2026-01-01T00:00:00Z', firstSeenMs: 0 };
}

function input(changes: Partial<StatusInput> = {}): StatusInput {
  return {
    pool: POOL,
    plan: PLAN,
    nodes: ['a', 'b'].map((name) => ({ name, plan: 'p', status: { observedPlan: 'p' } })),
    holders: new Map([
      ['192.0.2.100', [claim('a')]],
      ['2001:db8::1', [claim('b')]],
    ]),
    now: NOW,
    ...changes,
  };
}

function conditions({ conditions: found = [] }: VirtualIpPoolStatus): Record<string, string> {
  return Object.fromEntries(found.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

function message({ conditions: found = [] }: VirtualIpPoolStatus, type: string): string | undefined {
  return found.find((condition) => condition.type === type)?.message;
}

function withStatus(status: VirtualIpPoolStatus): VirtualIpPool {
  return { ...POOL, status };
}

describe('the status of a pool whose addresses every fit node has', () => {
  const plan: DemandPlan = {
    ...{ ...PLAN, everywhere: true, groups: [] },
    addresses: PLAN.addresses.map((address) => ({ ...address, slot: undefined })),
  };
  const many = ['a', 'b', 'c', 'd', 'e', 'f'].map(claim);

  it('is Ready when one node has an address, and says how many have', () => {
    const holders = new Map([
      ['192.0.2.100', many],
      ['2001:db8::1', [claim('b')]],
    ]);
    const status = poolStatus(input({ plan, holders }));
    expect(conditions(status)).toEqual({
      Configured: 'True PlanCarriedOut',
      Available: 'True AllAddressesHeld',
      Ready: 'True AllWell',
    });
    expect(message(status, 'Available')).toBe('2 addresses held, each by 1 to 6 nodes');
    expect(status).toMatchObject({
      heldCount: 2,
      addresses: [
        { address: '192.0.2.100', holders: ['a', 'b', 'c', 'd'], holderCount: 6 },
        { address: '2001:DB8::1', holders: ['b'], holderCount: 1 },
      ],
    });
  });

  it('is not Available while nobody has one, and not Ready while nodes leave one out that is in their subnet', () => {
    const holders = new Map([['192.0.2.100', many]]);
    const status = poolStatus(input({ plan, holders }));
    expect([status.heldCount, conditions(status)]).toMatchObject([1, { Available: 'False AddressesNotHeld' }]);
    const problems = [{ kind: 'OnLinkAddress' as const, message: 'it is on-link' }];
    const held = new Map([...holders, ['2001:db8::1', many]]);
    const onLink = poolStatus(input({ plan: { ...plan, problems }, holders: held }));
    expect(conditions(onLink)).toMatchObject({ Available: 'True AllAddressesHeld', Ready: 'False OnLinkAddress' });
  });
});

describe('the status of a pool that BGP announces', () => {
  const pool = poolOf('web', POOL.spec.addresses ?? [], {
    spec: { addresses: POOL.spec.addresses ?? [], distribution: { mode: 'All' } },
  });
  const plan: DemandPlan = {
    ...{ ...PLAN, everywhere: true, groups: [] },
    addresses: PLAN.addresses.map((address) => ({ ...address, slot: undefined })),
  };
  const holders = new Map(PLAN.addresses.map(({ address }) => [address, ['a', 'b'].map(claim)]));
  const status = (a: IpFamily[] | undefined, b: IpFamily[] | undefined, of = pool) => {
    const nodes = Object.entries({ a, b }).map(([name, bgpFamilies]) => {
      return { name, plan: 'p', status: { observedPlan: 'p', ...(bgpFamilies === undefined ? {} : { bgpFamilies }) } };
    });
    return poolStatus(input({ pool: of, plan, holders, nodes }));
  };

  it('is Ready while each of its nodes has a session, and says that it is announced', () => {
    expect(conditions(status(['IPv4', 'IPv6'], ['IPv4', 'IPv6']))).toMatchObject({
      Announced: 'True AllAnnounce',
      Ready: 'True AllWell',
    });
  });

  it('is not Ready when no node that has an address has a session, though nodes have it on lo', () => {
    const silent = status(['IPv4'], []);
    expect(conditions(silent)).toEqual({
      Configured: 'True PlanCarriedOut',
      Available: 'True AllAddressesHeld',
      Announced: 'False NobodyAnnounces',
      Ready: 'False NobodyAnnounces',
    });
    expect(message(silent, 'Ready')).toBe(message(silent, 'Announced'));
  });

  it('is Ready when some nodes have none, and says which', () => {
    const fewer = status(['IPv4', 'IPv6'], ['IPv4']);
    expect(conditions(fewer)).toMatchObject({
      Announced: 'True FewerNodesAnnounce',
      Ready: 'True FewerNodesAnnounce',
    });
    expect(message(fewer, 'Ready')).toMatch(
      /^every address is held, but fewer nodes announce .*: b \(IPv6\); bgp in \/status of b says why/,
    );
  });

  it('says nothing of it where nothing is announced, and of a pool whose addresses VRRP places', () => {
    expect(conditions(status(undefined, undefined))).not.toHaveProperty('Announced');
    expect(conditions(status([], [], POOL))).not.toHaveProperty('Announced');
  });
});

describe('the status of a pool', () => {
  it('is Ready when the plan is carried out and each address is held by one node', () => {
    const status = poolStatus(input());
    expect(conditions(status)).toEqual({
      Configured: 'True PlanCarriedOut',
      Available: 'True AllAddressesHeld',
      Ready: 'True AllWell',
    });
    expect(status).toMatchObject({
      observedGeneration: 1,
      addressCount: 2,
      heldCount: 2,
      eligibleNodes: 2,
      addresses: [
        { address: '192.0.2.100', plannedNode: 'a', holders: ['a'], since: '2026-01-01T00:00:00Z' },
        { address: '2001:DB8::1', plannedNode: 'b', holders: ['b'] },
      ],
    });
    expect(status.groups).toEqual(PLAN.groups);
  });

  it('is not Configured while a node leaves it out of its plan, and says why; other pools of the plan are', () => {
    const problem = 'pool web: interface: "eth0@if5" is no interface; it is left out';
    const reporting = (problems: string[]) => [
      { name: 'a', plan: 'p', status: { observedPlan: 'p', problems } },
      { name: 'b', plan: 'p', status: { observedPlan: 'p' } },
    ];
    const status = poolStatus(input({ nodes: reporting([problem]) }));
    expect(conditions(status)).toMatchObject({ Configured: 'False NodeProblem', Ready: 'False NodeProblem' });
    expect(message(status, 'Configured')).toBe(`a: ${problem}`);
    const ofInstance = poolStatus(input({ nodes: reporting(['instance web-1: addresses[0]: "x" is not']) }));
    expect(conditions(ofInstance)).toMatchObject({ Configured: 'False NodeProblem' });
    const ofOthers = ['pool web-1: interface: no', 'instance web-1-0: no', 'pool we: no', 'web-0: no interface'];
    expect(conditions(poolStatus(input({ nodes: reporting(ofOthers) })))).toMatchObject({
      Configured: 'True PlanCarriedOut',
    });
  });

  it('is not Configured while a node has another plan, and names it', () => {
    const nodes = [
      { name: 'a', plan: 'p', status: { observedPlan: 'p' } },
      { name: 'b', plan: 'p', status: { observedPlan: 'old' } },
    ];
    const status = poolStatus(input({ nodes }));
    expect(conditions(status)).toMatchObject({ Configured: 'False NodesPending', Ready: 'False NodesPending' });
    expect(message(status, 'Configured')).toBe('1 of 2 nodes do not carry out the plan yet: b');
  });

  it('says what keeps a node from the plan', () => {
    const nodes = [{ name: 'b', plan: 'p', status: { observedPlan: 'old', problems: ['no interface eth9'] } }];
    const status = poolStatus(input({ nodes }));
    expect(conditions(status)).toMatchObject({ Configured: 'False NodeProblem' });
    expect(message(status, 'Configured')).toContain('b: no interface eth9');
  });

  it('is not Configured while nodes change places', () => {
    const pending = [{ instance: 'web-0', node: 'c', state: 'joins' as const }];
    expect(conditions(poolStatus(input({ plan: { ...PLAN, pending } })))).toMatchObject({
      Configured: 'False HandingOver',
    });
  });

  it('is not Available with an address that nobody holds', () => {
    const status = poolStatus(input({ holders: new Map([['192.0.2.100', [claim('a')]]]) }));
    expect(conditions(status)).toMatchObject({ Available: 'False AddressesNotHeld', Ready: 'False AddressesNotHeld' });
    expect(message(status, 'Available')).toBe('1 of 2 addresses held by no node: 2001:DB8::1');
    expect(status.heldCount).toBe(1);
  });

  it('is not Available with an address that two nodes hold', () => {
    const holders = new Map([...input().holders, ['192.0.2.100', [claim('a'), claim('b')]]]);
    const status = poolStatus(input({ holders }));
    expect(conditions(status)).toMatchObject({ Available: 'False SeveralHolders' });
    expect(message(status, 'Available')).toContain('192.0.2.100 by a and b');
    expect(status.heldCount).toBe(1);
  });

  it('is Available but not Ready when an address is refused, and shows nobody for that one', () => {
    const reason = '2001:db8::1 belongs to the older pool "old"; remove it from one of the two';
    const plan = {
      ...PLAN,
      addresses: PLAN.addresses.slice(0, 1),
      refused: [{ address: '2001:DB8::1', reason, claimedBy: 'old' }],
    };
    const status = poolStatus(input({ plan }));
    expect(conditions(status)).toMatchObject({ Available: 'True AllAddressesHeld', Ready: 'False AddressesRefused' });
    expect(message(status, 'Ready')).toBe(reason);
    expect(status.addresses?.[1]).toEqual({ address: '2001:DB8::1', holders: [] });
  });

  it('says why no node may hold its addresses', () => {
    const problems = [{ kind: 'NoEligibleNode' as const, message: 'no node has the label edge' }];
    const plan = { ...PLAN, groups: [], eligibleNodes: [], problems };
    const status = poolStatus(input({ plan, nodes: [], holders: new Map() }));
    expect(conditions(status)).toMatchObject({ Configured: 'False NoEligibleNode', Ready: 'False NoEligibleNode' });
    expect(message(status, 'Ready')).toBe('no node has the label edge');
  });

  it('keeps the time of a condition while its status stays, and moves it when that changes', () => {
    const before = poolStatus(input());
    const later = '2026-01-01T02:00:00.000Z';
    const same = poolStatus(input({ pool: withStatus(before), now: later }));
    expect(same).toEqual(before);
    const lost = poolStatus(input({ pool: withStatus(before), now: later, holders: new Map() }));
    const times = Object.fromEntries(
      (lost.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    expect(times).toEqual({ Configured: NOW, Available: later, Ready: later });
  });
});

describe('the status of a pool that gives addresses to Services', () => {
  const RANGES = { ranges: [{ cidr: '192.0.2.128/28' }], services: {} };
  const FIGURES = { capacity: 14, allocated: 1, retained: 2, free: 11 };
  const EMPTY: DemandPlan = { ...PLAN, groups: [], addresses: [] };
  const idle = { pool: { ...POOL, spec: RANGES }, plan: EMPTY, nodes: [], holders: new Map() };

  it('is Ready before a Service has one', () => {
    const status = poolStatus(input(idle));
    expect(conditions(status)).toEqual({
      Configured: 'True NoAddressYet',
      Available: 'True NoAddressYet',
      Ready: 'True NoAddressYet',
    });
    expect(message(status, 'Ready')).toBe('no Service has an address of the pool yet');
    expect(status).toMatchObject({ addressCount: 0, heldCount: 0, eligibleNodes: 2, addresses: [] });
  });

  it('is not Ready while no node may hold one', () => {
    const plan = { ...EMPTY, eligibleNodes: [] };
    expect(conditions(poolStatus(input({ ...idle, plan })))).toMatchObject({ Ready: 'False NoEligibleNode' });
  });

  it('counts what Services have, and leaves who holds it to their claims', () => {
    const pool = { ...POOL, spec: { ...RANGES, addresses: ['192.0.2.100/24'] } };
    const of = (holders: StatusInput['holders']) => poolStatus(input({ pool, holders }));
    const held: StatusInput['holders'] = new Map([
      ['192.0.2.100', [claim('a')]],
      ['2001:db8::1', [claim('b')]],
    ]);
    expect(of(held)).toMatchObject({ addressCount: 2, heldCount: 2, addresses: [{ address: '192.0.2.100' }] });
    expect(of(held).addresses).toHaveLength(1);
    expect(conditions(of(held))).toMatchObject({ Available: 'True AllAddressesHeld', Ready: 'True AllWell' });
    const lost = of(new Map([['192.0.2.100', [claim('a')]]]));
    expect(lost).toMatchObject({ addressCount: 2, heldCount: 1 });
    expect(message(lost, 'Ready')).toBe('1 of 2 addresses held by no node: 2001:DB8::1');
  });

  it('tells how much there is, once that is known', () => {
    expect(poolStatus(input(idle))).not.toHaveProperty('services');
    const services = { figures: FIGURES, rangeProblems: [] };
    expect(poolStatus(input({ ...idle, services })).services).toEqual(FIGURES);
  });

  it('is not Ready with ranges that are wrong, and names them', () => {
    const services = { figures: FIGURES, rangeProblems: ['ranges[1] overlaps ranges[0]'] };
    const status = poolStatus(input({ ...idle, services }));
    expect(conditions(status)).toMatchObject({ Available: 'True NoAddressYet', Ready: 'False RangesRefused' });
    expect(message(status, 'Ready')).toBe('ranges[1] overlaps ranges[0]');
  });
});
