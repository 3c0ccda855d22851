import { describe, expect, it } from 'vitest';
import { poolInstance } from '../../api/instances.ts';
import { makePlan } from './planner.ts';
import { loadsOf, spreadOf } from './spread.ts';
import { addresses, input, node, nodes, onlyDemand, pool, remembered, settings } from './testing/scenes.ts';
import type { DemandPlan, PlanInput, ProblemKind } from './types.ts';

const six = addresses(6);

function names(count: number): string[] {
  return nodes(count).map(({ name }) => name);
}

function holders({ groups }: DemandPlan): Record<string, string | undefined> {
  return Object.fromEntries(groups.flatMap((group) => group.addresses.map((address) => [address, group.nodes[0]])));
}

function loads({ groups }: DemandPlan, of: readonly string[], ...lost: string[]): number[] {
  return [...loadsOf(groups, of, new Set(lost)).values()].sort((a, b) => a - b);
}

function problem({ problems }: DemandPlan, kind: ProblemKind): string | undefined {
  return problems.find((each) => each.kind === kind)?.message;
}

/** The plan after the first, with the first in the demands' memory and something changed. */
function replan(first: PlanInput, changes: (remembered: PlanInput) => Partial<PlanInput>): DemandPlan {
  const next = { ...first, demands: remembered(first.demands, makePlan(first)) };
  return onlyDemand({ ...next, ...changes(next) });
}

describe('a demand without an address', () => {
  it('has no group and takes no router id, and it is known which nodes may hold what comes', () => {
    const first = input({ nodes: nodes(3), demands: [pool('empty', { addresses: [] })] });
    expect(onlyDemand(first)).toMatchObject({
      groups: [],
      addresses: [],
      refused: [],
      problems: [],
      eligibleNodes: names(3),
    });
    expect([...makePlan(first).nodes.values()].flatMap(({ pools, instances }) => [...pools, ...instances])).toEqual([]);
  });
});

describe('three nodes with six addresses', () => {
  const first = input({ nodes: nodes(3), demands: [pool('default', { addresses: six })] });
  const plan = onlyDemand(first);

  it('have two each', () => {
    expect(loads(plan, names(3))).toEqual([2, 2, 2]);
    expect(plan.problems).toEqual([]);
  });

  it('are left with three and three after the loss of any one, by VRRP alone and by the next plan', () => {
    for (const lost of names(3)) {
      expect(loads(plan, names(3), lost)).toEqual([3, 3]);
      const next = replan(first, ({ nodes: all }) => ({ nodes: all.filter(({ name }) => name !== lost) }));
      expect(loads(next, next.eligibleNodes)).toEqual([3, 3]);
      const promoted = plan.groups.map(({ nodes: order }) => order.find((name) => name !== lost));
      expect(next.groups.map(({ nodes: order }) => order[0])).toEqual(promoted);
    }
  });

  it('give the cordoned node’s share to the others and keep it as the last, until it is back', () => {
    const cordoned = input({
      ...first,
      nodes: first.nodes.map((each, index) => ({ ...each, unschedulable: index === 0 })),
      demands: remembered(first.demands, makePlan(first)),
    });
    const without = onlyDemand(cordoned);
    expect(loads(without, names(3))).toEqual([0, 3, 3]);
    expect(without.groups.map(({ nodes: order }) => order[2])).toEqual(Array.from(six, () => 'node-1'));
    expect(without.eligibleNodes).toEqual(names(3));
    expect(without.problems).toEqual([]);
    const back = replan(cordoned, () => ({ nodes: nodes(3) }));
    expect(loads(back, names(3))).toEqual([2, 2, 2]);
  });

  it('go on as if nothing were when all are cordoned', () => {
    const all = nodes(3).map((each) => ({ ...each, unschedulable: true }));
    expect(replan(first, () => ({ nodes: all })).groups).toEqual(plan.groups);
  });

  it('give a fourth node one address, and no other address moves', () => {
    const more = replan(first, () => ({ nodes: nodes(4) }));
    expect(loads(more, names(4))).toEqual([1, 1, 2, 2]);
    const before = holders(plan);
    const moved = Object.entries(holders(more)).filter(([address, holder]) => before[address] !== holder);
    expect(moved.map(([, holder]) => holder)).toEqual(['node-4']);
  });

  it('run an instance per address, each with a router id of its own', () => {
    const written = makePlan(first).nodes;
    expect([...written.keys()]).toEqual(names(3));
    const instances = written.get('node-1')?.instances ?? [];
    expect(instances.map(({ name, virtualRouterId }) => [name, virtualRouterId])).toEqual(
      [0, 1, 2, 3, 4, 5].map((slot) => [`default-${slot}`, slot + 1]),
    );
    const ranks = plan.groups.map(({ nodes: order }) => order.indexOf('node-1'));
    expect(instances.map(({ rank }) => rank)).toEqual(ranks);
  });
});

describe('several pools', () => {
  const labels = (role: string) => ({ labels: { role } });
  const edge = { nodeSelector: { matchLabels: { role: 'edge' } } };
  const control = {
    nodeSelector: { matchLabels: { role: 'control' } },
    tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' as const }],
  };
  const taints = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
  const cluster = [
    ...['a', 'b'].map((name) => node(`edge-${name}`, labels('edge'))),
    ...['a', 'b', 'c'].map((name) => node(`control-${name}`, { ...labels('control'), taints })),
  ];

  it('are on the nodes that each asks for', () => {
    const plan = makePlan(
      input({
        nodes: cluster,
        demands: [
          pool('ingress', { addresses: addresses(4), ...edge }),
          pool('api', { addresses: addresses(3, 1), ...control }),
        ],
      }),
    );
    const [ingress, api] = [plan.demands.get('ingress'), plan.demands.get('api')];
    expect(ingress?.eligibleNodes).toEqual(['edge-a', 'edge-b']);
    expect(api?.eligibleNodes).toEqual(['control-a', 'control-b', 'control-c']);
    expect(plan.nodes.get('edge-a')?.pools.map(({ name }) => name)).toEqual(['ingress']);
    const ids = [...plan.demands.values()].flatMap(({ groups }) => groups.map((group) => group.virtualRouterId));
    expect(new Set(ids).size).toBe(7);
  });

  it('with one address each are spread over the nodes', () => {
    const pools = [0, 1, 2].map((index) => pool(`pool-${index}`, { addresses: addresses(1, index) }));
    const plan = makePlan(input({ nodes: nodes(3), demands: pools }));
    const firsts = [...plan.demands.values()].map(({ groups }) => groups[0]?.nodes[0]);
    expect(new Set(firsts)).toEqual(new Set(names(3)));
  });

  it('leave out what an older one has, and go on with the rest', () => {
    const pools = [
      pool('young', { addresses: ['10.0.0.1/24', '10.0.0.2'] }, { created: '2026-02-01T00:00:00Z' }),
      pool('old', { addresses: ['10.0.0.1'] }),
    ];
    const young = makePlan(input({ nodes: nodes(2), demands: pools })).demands.get('young');
    expect(young?.refused).toMatchObject([{ address: '10.0.0.1/24', claimedBy: 'old' }]);
    expect(young?.groups.flatMap((group) => group.addresses)).toEqual(['10.0.0.2']);
  });

  it('do not count for themselves what they put on nodes before', () => {
    const first = input({ nodes: nodes(3), demands: [pool('default', { addresses: addresses(2) })] });
    const more = replan(first, ({ demands: [old] }) => ({
      demands: [pool('default', { addresses: addresses(4) }, { groups: old?.previousGroups ?? [] })],
    }));
    expect(more.groups.map((group) => group.nodes[0])).toEqual(['node-1', 'node-2', 'node-3', 'node-1']);
  });

  it('take over what an older one gives up', () => {
    const pools = [pool('a', { addresses: ['10.0.0.1'] }), pool('b', { addresses: ['10.0.0.1', '10.0.0.2'] })];
    const first = input({ nodes: nodes(2), demands: pools });
    const [, b] = remembered(pools, makePlan(first));
    const plan = onlyDemand({ ...first, demands: b === undefined ? [] : [b] });
    expect(plan.groups.map(({ slot, addresses: own }) => [slot, ...own])).toEqual([
      [0, '10.0.0.2'],
      [1, '10.0.0.1'],
    ]);
  });

  it('all get groups when there are too few router ids for one each', () => {
    const pools = Array.from({ length: 10 }, (_, index) => pool(`pool-${index}`, { addresses: addresses(100, index) }));
    const plan = makePlan(input({ nodes: nodes(5), demands: pools }));
    for (const each of plan.demands.values()) {
      expect(each.groups).toHaveLength(24);
      expect(each.addresses.every(({ slot }) => slot !== undefined)).toBe(true);
    }
  });
});

describe('a reconfigured pool', () => {
  const first = input({ nodes: nodes(3), demands: [pool('default', { addresses: six })] });

  it('has the new addresses in the slots of those that are gone, and nothing of those', () => {
    const next = replan(first, ({ demands: [old] }) => ({
      demands: [pool('default', { addresses: addresses(6, 1) }, { groups: old?.previousGroups ?? [] })],
    }));
    expect(next.groups.flatMap((group) => group.addresses)).toEqual(addresses(6, 1));
    expect(loads(next, names(3))).toEqual([2, 2, 2]);
  });

  it('takes an address with another prefix for the same', () => {
    const next = replan(first, ({ demands: [old] }) => ({
      demands: [
        pool('default', { addresses: six.map((address) => `${address}/24`) }, { groups: old?.previousGroups ?? [] }),
      ],
    }));
    expect(next.groups).toEqual(onlyDemand(first).groups);
    expect(next.addresses[0]).toEqual({ address: six[0], given: `${six[0]}/24`, slot: 0 });
  });
});

describe('what stands in the way', () => {
  it('is said when no node may hold the addresses; the groups are kept for when one may', () => {
    const labels = { role: 'edge' };
    const first = input({
      nodes: nodes(2).map((each) => ({ ...each, labels })),
      demands: [pool('default', { addresses: six, nodeSelector: { matchLabels: labels } })],
    });
    const plan = replan(first, () => ({ nodes: nodes(2) }));
    expect(problem(plan, 'NoEligibleNode')).toBe(
      'no node may hold the addresses: none that runs a sidecar has the labels of nodeSelector and only taints that tolerations allow; change one of them, or label a node',
    );
    expect(plan.groups.map(({ virtualRouterId, nodes: order }) => [virtualRouterId, order.length])).toEqual(
      [1, 2, 3, 4, 5, 6].map((id) => [id, 0]),
    );
    expect(makePlan(input({ ...first, nodes: nodes(2) })).nodes.size).toBe(0);
  });

  it('is said when chosen nodes run no sidecar', () => {
    const labels = { role: 'edge' };
    const nodeSelector = { matchLabels: labels };
    const cluster = nodes(9).map((each, index) => ({ ...each, labels, hasSidecar: index < 2 }));
    const plan = onlyDemand(input({ nodes: cluster, demands: [pool('default', { addresses: six, nodeSelector })] }));
    expect(problem(plan, 'NodesWithoutAgent')).toBe(
      "node-3, node-4, node-5, node-6, node-7 and 2 more are chosen but run no sidecar; let the release's DaemonSet run there (pod.nodeSelector, pod.tolerations) or narrow nodeSelector",
    );
  });

  it('is said when there is no router id left', () => {
    const vrrp = { virtualRouterIds: { first: 10, last: 10 } };
    const few = { ...settings, reserved: { addresses: [], virtualRouterIds: [10] } };
    const pools = [pool('default', { addresses: six, vrrp })];
    const plan = onlyDemand(input({ nodes: nodes(2), demands: pools, settings: few }));
    expect(problem(plan, 'RouterIdsExhausted')).toBe(
      'no router id from 10 to 10 is free for 6 addresses, which no node gets; widen vrrp.virtualRouterIds, remove a pool, or put the addresses into one that works',
    );
    expect(plan.addresses.every(({ slot }) => slot === undefined)).toBe(true);
  });

  it('is said when a foreign router uses an id of the pool', () => {
    const first = input({ nodes: nodes(2), demands: [pool('default', { addresses: addresses(2) })] });
    const plan = replan(first, () => ({ foreignRouterIds: new Set([2]) }));
    expect(problem(plan, 'ForeignRouter')).toBe(
      'router id 2 is also used by another router on the network; group 1 uses 3 instead',
    );
  });

  it('is said when the spread is coarse because addresses share groups', () => {
    const vrrp = { virtualRouterIds: { first: 1, last: 2 } };
    const plan = onlyDemand(input({ nodes: nodes(2), demands: [pool('default', { addresses: six, vrrp })] }));
    expect(problem(plan, 'CoarseSpread')).toBe(
      'nodes have from 1 to 5 addresses: 6 addresses are in 2 groups, and a group stays together; more router ids or a higher maxGroupsPerPool spread addresses that are added later more finely',
    );
    expect(spreadOf(plan.groups, names(2))).toEqual({ least: 1, most: 5 });
  });
});

describe('zones', () => {
  const zoned = (count: number, zones: number) =>
    nodes(count).map((each, index) => ({ ...each, labels: { zone: `z${index % zones}` } }));
  const spread = { topologyKey: 'zone' };
  const zoneOf = (name: string | undefined, all: ReturnType<typeof zoned>) =>
    all.find((each) => each.name === name)?.labels.zone;

  it('differ between the first and the second node of every address', () => {
    const cluster = zoned(6, 3);
    const plan = onlyDemand(
      input({ nodes: cluster, demands: [pool('default', { addresses: addresses(30), spread })] }),
    );
    for (const { nodes: order } of plan.groups) {
      expect(zoneOf(order[0], cluster)).not.toBe(zoneOf(order[1], cluster));
    }
    expect(loads(plan, names(6))).toEqual([5, 5, 5, 5, 5, 5]);
  });

  it('do not matter where there is but one', () => {
    const one = input({ nodes: zoned(3, 1), demands: [pool('default', { addresses: six, spread })] });
    const none = input({ nodes: nodes(3), demands: [pool('default', { addresses: six })] });
    expect(onlyDemand(one).groups).toEqual(onlyDemand(none).groups);
  });
});

describe('what nodes are told', () => {
  it('comes from the pool: interface, health check, failback', () => {
    const healthCheck = { tcpSocket: { port: 443 } };
    const specs = {
      plain: { addresses: addresses(1) },
      sticky: { addresses: addresses(1, 1), failback: { enabled: false, delaySeconds: 5 } },
      quick: { addresses: addresses(1, 2), failback: { delaySeconds: 0 }, interface: 'eth1', healthCheck },
    };
    const pools = Object.entries(specs).map(([name, spec]) => pool(name, spec));
    expect(makePlan(input({ nodes: nodes(1), demands: pools })).nodes.get('node-1')?.pools).toEqual([
      { name: 'plain', interface: '', failbackDelaySeconds: 30 },
      { name: 'quick', interface: 'eth1', failbackDelaySeconds: 0, healthCheck },
      { name: 'sticky', interface: '', failbackDelaySeconds: null },
    ]);
  });

  it('is nothing, for a node that was told something before and has no part any more', () => {
    const assignments = new Map([
      [
        poolInstance('gone', 0),
        { previousPeers: new Map([['node-1', []]]), observedByAll: true, heldBy: new Set<string>() },
      ],
    ]);
    expect(makePlan(input({ nodes: nodes(2), assignments })).nodes).toEqual(
      new Map([['node-1', { pools: [], instances: [] }]]),
    );
  });

  it('is that of all nodes where each is to have an endpoint of its own: any may be the only one that has', () => {
    const served = pool('web', { addresses: addresses(1) });
    const seats = pool('some', { addresses: ['192.0.2.1'], distribution: { mode: 'Replicas', replicas: 2 } });
    const demands = [served, seats].map((each) => ({
      ...each,
      settings: { ...each.settings, localEndpoints: { port: 30_000 } },
    }));
    const plan = makePlan(input({ nodes: nodes(20), demands }));
    expect(plan.nodes.size).toBe(20);
    for (const { instances, spares = [], loopback = [] } of plan.nodes.values()) {
      expect([instances.length, spares.length, loopback.length]).toEqual([1, 2, 1]);
    }
    expect(makePlan(input({ nodes: nodes(20), demands: remembered(demands, plan) }))).toEqual(plan);
  });

  it('is limited to so many nodes per group', () => {
    const plan = onlyDemand(input({ nodes: nodes(20), demands: [pool('default', { addresses: addresses(40) })] }));
    expect(plan.groups.every(({ nodes: order }) => order.length === 8 && new Set(order).size === 8)).toBe(true);
    const shares = new Map<string, number>();
    for (const name of plan.groups.flatMap(({ nodes: order }) => order)) shares.set(name, (shares.get(name) ?? 0) + 1);
    expect(Math.max(...shares.values())).toBeLessThanOrEqual(20);
  });
});
