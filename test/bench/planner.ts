import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makePlan } from '../../controller/plan/planner.ts';
import { spreadOf } from '../../controller/plan/spread.ts';
import { addresses, input, nodes, pool, remembered, settings } from '../../controller/plan/testing/scenes.ts';
import type { Plan, PlanInput } from '../../controller/plan/types.ts';
import { markdownTable, missedPromise } from './markdown.ts';
import { statisticsOf } from './statistics.ts';

/* How long a plan takes, what memory it needs, and how even it is. */

/** Nodes and pools to plan for. */
export interface PlannerCase {
  readonly title: string;
  readonly nodes: number;
  readonly pools: number;
  readonly addressesPerPool: number;
  readonly unicast?: boolean;
  readonly maxGroupsPerPool?: number;
}

/** What was measured of one case. */
export interface PlannerMeasurement {
  readonly title: string;
  readonly runs: number;
  /** Medians, in milliseconds. */
  readonly firstPlanMs: number;
  readonly unchangedMs: number;
  readonly nodeLostMs: number;
  /** The worst of all plans after warming up, in milliseconds. */
  readonly worstMs: number;
  /** By how much the heap is larger after a first plan, in MiB: the plan, and what the collector has not taken yet. */
  readonly heapMib: number;
  /** The most memory that the whole process has had so far, in MiB; rubbish of the plans before included. */
  readonly processMib: number;
  readonly groups: number;
  /** The largest difference between two nodes within a pool, in addresses. */
  readonly skew: number;
}

/** What is promised: of the median of each kind of plan, and of what one plan adds to the heap. */
export const PLANNER_BUDGET = { medianMs: 200, heapMib: 200 };

export const PLANNER_CASES: readonly PlannerCase[] = [
  { title: '3 nodes, 6 addresses', nodes: 3, pools: 1, addressesPerPool: 6 },
  { title: '6 nodes, 300 addresses', nodes: 6, pools: 1, addressesPerPool: 300 },
  { title: '500 nodes, 1 pool of 1000', nodes: 500, pools: 1, addressesPerPool: 1000 },
  { title: 'the same, by unicast', nodes: 500, pools: 1, addressesPerPool: 1000, unicast: true },
  { title: '500 nodes, 10 pools of 100', nodes: 500, pools: 10, addressesPerPool: 100 },
  {
    title: '500 nodes, 1 pool of 1000, up to 250 groups',
    nodes: 500,
    pools: 1,
    addressesPerPool: 1000,
    maxGroupsPerPool: 250,
  },
];

const RUNS = 25;
const WARM_UP = 5;
const MIB = 1024 * 1024;

/** What the planner gets of a case that nothing was planned for yet. */
export function inputOf({
  nodes: count,
  pools,
  addressesPerPool,
  unicast = false,
  maxGroupsPerPool = 60,
}: PlannerCase) {
  const vrrp = unicast ? { vrrp: { peering: 'Unicast' as const } } : {};
  return input({
    nodes: nodes(count),
    demands: Array.from({ length: pools }, (_, index) =>
      pool(`pool-${index}`, { addresses: addresses(addressesPerPool, index), ...vrrp }),
    ),
    settings: { ...settings, maxGroupsPerPool },
  });
}

/** The next input when nothing has changed but that the plan is remembered. */
export function after(before: PlanInput, plan: Plan): PlanInput {
  return { ...before, demands: remembered(before.demands, plan) };
}

/** The input without a node to which the plan gave addresses. */
export function withoutNode(before: PlanInput, plan: Plan): PlanInput {
  const lost = [...plan.demands.values()][0]?.groups[0]?.nodes[0];
  return { ...before, nodes: before.nodes.filter(({ name }) => name !== lost) };
}

/** Each plan begins with a clean heap, as one a second or seldomer does. */
function times(of: PlanInput): number[] {
  const collect = collector();
  for (let run = 0; run < WARM_UP; run += 1) makePlan(of);
  return Array.from({ length: RUNS }, () => {
    collect();
    const startMs = performance.now();
    makePlan(of);
    return performance.now() - startMs;
  });
}

/** V8's collector, which a program sees only when it is asked for. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

function heapGrowth(of: PlanInput): { plan: Plan; heapMib: number } {
  collector()();
  const before = process.memoryUsage().heapUsed;
  const plan = makePlan(of);
  return { plan, heapMib: (process.memoryUsage().heapUsed - before) / MIB };
}

/** Measures one case in this process. */
export function measurePlanner(planned: PlannerCase): PlannerMeasurement {
  const first = inputOf(planned);
  const firstMs = times(first);
  const { plan, heapMib } = heapGrowth(first);
  const again = after(first, plan);
  const againMs = times(again);
  const lostMs = times(withoutNode(again, plan));
  const pools = [...plan.demands.values()];
  const skews = pools.map(({ groups, eligibleNodes }) => {
    const { least, most } = spreadOf(groups, eligibleNodes);
    return most - least;
  });
  return {
    title: planned.title,
    runs: RUNS,
    firstPlanMs: statisticsOf(firstMs).medianMs,
    unchangedMs: statisticsOf(againMs).medianMs,
    nodeLostMs: statisticsOf(lostMs).medianMs,
    worstMs: statisticsOf([...firstMs, ...againMs, ...lostMs]).worstMs,
    heapMib,
    processMib: process.resourceUsage().maxRSS / 1024,
    groups: pools.reduce((sum, { groups }) => sum + groups.length, 0),
    skew: Math.max(...skews),
  };
}

/** Promises that were not kept, in words. */
export function missedPlannerBudgets(measurements: readonly PlannerMeasurement[]): string[] {
  return measurements.flatMap(({ title, firstPlanMs, unchangedMs, nodeLostMs, heapMib }) => {
    const slowest = Math.max(firstPlanMs, unchangedMs, nodeLostMs);
    return [
      ...missedPromise(`${title}:`, slowest, PLANNER_BUDGET.medianMs),
      ...missedPromise(`${title}:`, heapMib, PLANNER_BUDGET.heapMib, 'MiB'),
    ];
  });
}

/** The measurements as a Markdown table, with a word on the last column. */
export function plannerTable(measurements: readonly PlannerMeasurement[]): string {
  const head =
    'cluster | first plan (ms) | nothing changed (ms) | node lost (ms) | worst (ms) | heap (MiB) | process so far (MiB) | groups | skew (addresses)';
  const rows = measurements.map((measured) => [
    measured.title,
    measured.firstPlanMs.toFixed(1),
    measured.unchangedMs.toFixed(1),
    measured.nodeLostMs.toFixed(1),
    measured.worstMs.toFixed(1),
    measured.heapMib.toFixed(1),
    measured.processMib.toFixed(0),
    String(measured.groups),
    String(measured.skew),
  ]);
  return [
    markdownTable(head, rows),
    '',
    `Medians of ${RUNS} plans. The skew is above 1 where a pool has more addresses than groups and many nodes: every group is a VRRP`,
    'instance with a router id of its own, of which a network segment has 255, and a group stays together.',
  ].join('\n');
}
