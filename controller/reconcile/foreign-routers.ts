import type { NodePlan } from '../../api/node-plan.ts';
import { canonical } from '../../common/addresses.ts';
import { assignedAddresses } from './holders.ts';

/*
 * Which router ids are foreign routers'. Nodes receive their advertisements and report that in their NodePlans' status. To believe it costs
 * an outage, because the group with the id gets another one; not to believe it may cost a longer one, because nobody has the addresses. A
 * node's report counts for what it listens to, and alone only so often.
 */

/** One node alone makes so many groups change their ids within {@link LONE_REPORT_MS}. */
const MAX_LONE_REPORTS = 2;
/** A sidecar remembers for as long what it received. */
const LONE_REPORT_MS = 24 * 60 * 60_000;

/** That a node was believed although no other said the same. */
interface LoneReport {
  readonly node: string;
  readonly id: number;
  readonly atMs: number;
}

/** What is remembered from one run to the next. */
export type LoneReports = readonly LoneReport[];

/** What is made of what nodes report. */
export interface ForeignRouters {
  readonly loneReports: LoneReports;
  /** Foreign routers use these: who has one gives it up, and nobody gets it. */
  readonly believed: ReadonlySet<number>;
  /** It was reported, but that does not suffice: nobody gives one up, and nobody gets it while there are others. */
  readonly doubted: ReadonlySet<number>;
}

type NodesById = ReadonlyMap<number, ReadonlySet<string>>;

function nodesById(entries: readonly (readonly [id: number, node: string])[]): NodesById {
  const nodes = new Map<number, Set<string>>();
  for (const [id, node] of entries) nodes.set(id, (nodes.get(id) ?? new Set()).add(node));
  return nodes;
}

/** Those that have no address yet as well. */
function allInstances({ instances, spares = [] }: NodePlan['spec']) {
  return [...instances, ...spares];
}

/** By unicast a node receives advertisements of its peers only. */
function listeners(plans: readonly NodePlan[]): NodesById {
  return nodesById(
    plans.flatMap(({ metadata, spec }) =>
      allInstances(spec)
        .filter(({ peers }) => peers === undefined)
        .map(({ virtualRouterId }) => [virtualRouterId, metadata.name] as const),
    ),
  );
}

function reporters(plans: readonly NodePlan[]): NodesById {
  return nodesById(
    plans.flatMap(({ metadata, status }) => (status?.foreignRouterIds ?? []).map((id) => [id, metadata.name] as const)),
  );
}

/**
 * Ids in which a node of the plan may advertise otherwise than its neighbours expect, and look like a foreign router; to give an id up is an
 * outage. A node that has not carried out its newest plan may speak as its plan before had it, and one that has an address of the instance
 * itself objects to it, under whichever id.
 */
function unsettledIds(plans: readonly NodePlan[]): ReadonlySet<number> {
  const unsettled = plans.flatMap((plan) => {
    const { spec, status } = plan;
    return status?.observedPlan === spec.plan ? objectedInstances(plan) : allInstances(spec);
  });
  return new Set(unsettled.map(({ virtualRouterId }) => virtualRouterId));
}

function objectedInstances(plan: NodePlan): NodePlan['spec']['instances'] {
  const { spec, status } = plan;
  const assigned = assignedAddresses(plan);
  const own = new Set((status?.addresses ?? []).map(canonical).filter((address) => assigned.has(address)));
  if (own.size === 0) return [];
  return spec.instances.filter(({ addresses }) => addresses.some((address) => own.has(canonical(address))));
}

/** Weighs what is reported of one id; a lone report that is believed is added to those before. */
function isBelieved(
  id: number,
  reporting: ReadonlySet<string>,
  listening: ReadonlySet<string>,
  loneReports: LoneReport[],
  nowMs: number,
) {
  if (loneReports.some((report) => report.id === id && reporting.has(report.node))) return true;
  // Nobody listens to an id that was given up: then all count that remember it.
  const counting = listening.size === 0 ? [...reporting] : [...reporting].filter((node) => listening.has(node));
  if (counting.length !== 1) return counting.length > 1;
  const [node = ''] = counting;
  if (listening.size === 0 || loneReports.filter((report) => report.node === node).length >= MAX_LONE_REPORTS)
    return false;
  loneReports.push({ node, id, atMs: nowMs });
  return true;
}

/**
 * Finds out which router ids foreign routers use. Pure.
 *
 * Believed is what two nodes report that run an instance of the id by multicast: a foreign router on the network is received by all of
 * them. One that reports it alone is believed, too, because the others may report it minutes later, but for two ids a day only: so no node
 * can make the ids of all groups change again and again.
 *
 * @param plans of all nodes, with their status
 * @param before what the last run remembered
 * @param nowMs of a clock that only grows
 */
export function foreignRouters(plans: readonly NodePlan[], before: LoneReports, nowMs: number): ForeignRouters {
  const loneReports = before.filter(({ atMs }) => nowMs - atMs < LONE_REPORT_MS);
  const [reported, listening, unsettled] = [reporters(plans), listeners(plans), unsettledIds(plans)];
  const believed = new Set<number>();
  const doubted = new Set<number>();
  for (const [id, reporting] of [...reported].sort(([a], [b]) => a - b)) {
    const settled = !unsettled.has(id);
    const counts = settled && isBelieved(id, reporting, listening.get(id) ?? new Set(), loneReports, nowMs);
    (counts ? believed : doubted).add(id);
  }
  return { loneReports, believed, doubted };
}
