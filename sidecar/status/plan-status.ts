import { worseOf } from '../../api/bands.ts';
import type { IpFamily } from '../../api/ip-family.ts';
import { MAX_INSTANCES, type NodePlanStatus, REPORT_LIMITS } from '../../api/node-plan.ts';
import { oneLine } from '../../api/text.ts';
import type { Fitness } from '../fitness/fitness.ts';
import type { HeldAddress } from '../keepalived/holder.ts';

/** What a report to the controller is made of. */
export interface PlanReport {
  readonly version: string;
  /** The plan that keepalived runs; null when it runs none yet. */
  readonly observedPlan: string | null;
  readonly instances: readonly ReportedInstance[];
  /** Router ids that foreign routers use, in order. */
  readonly foreignRouterIds: readonly number[];
  /** Of which there is a session with a router; null where nothing is announced. */
  readonly bgpFamilies: readonly IpFamily[] | null;
  readonly problems: readonly string[];
  /** The node's own addresses with their prefixes, in order. */
  readonly ownAddresses: readonly string[];
}

interface ReportedInstance {
  readonly pool: string;
  /** Undefined while nothing is known. */
  readonly fitness: Pick<Fitness, 'band' | 'reason'> | undefined;
  readonly addresses: readonly HeldAddress[];
}

function heldOf(instances: readonly ReportedInstance[]): NonNullable<NodePlanStatus['held']> {
  const present = instances.flatMap(({ addresses }) => addresses.filter((one) => one.present));
  // While an instance changes its name, it has its addresses under both.
  const since = new Map(present.map(({ address, sinceMs }) => [address, sinceMs]));
  return [...since].map(([address, sinceMs]) => ({ address, since: new Date(sinceMs).toISOString() }));
}

/**
 * A pool is as fit as the least fit of its instances. They differ where one leaves, cannot carry its addresses here, or is the only one that
 * holds any while the API is away.
 */
function healthOf(instances: readonly ReportedInstance[]): NonNullable<NodePlanStatus['health']> {
  const worst = new Map<string, Pick<Fitness, 'band' | 'reason'>>();
  for (const { pool, fitness } of instances) {
    if (fitness !== undefined) worst.set(pool, worseOf(fitness, worst.get(pool)));
  }
  return [...worst].slice(0, MAX_INSTANCES).map(([pool, { band, reason }]) => ({ pool, band, reason }));
}

/** In lines that the API server takes; the last one says how many are left out. */
function problemLines(problems: readonly string[]): string[] {
  const { problem, problems: most } = REPORT_LIMITS;
  const lines = [...new Set(problems.map((text) => oneLine(text, problem)))];
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more; GET /status on the node has all`];
}

/** The status of the node's plan; equal for equal reports, so that it is written on change only, and never more than the API server takes. Pure. */
export function planStatusOf(report: PlanReport): NodePlanStatus {
  const { version, observedPlan, instances, foreignRouterIds, bgpFamilies, problems, ownAddresses } = report;
  const held = heldOf(instances);
  return {
    agentVersion: oneLine(version, REPORT_LIMITS.version),
    ...(observedPlan === null ? {} : { observedPlan: oneLine(observedPlan, REPORT_LIMITS.plan) }),
    held: held.slice(0, REPORT_LIMITS.held),
    heldCount: held.length,
    health: healthOf(instances),
    ...(foreignRouterIds.length === 0 ? {} : { foreignRouterIds: [...foreignRouterIds] }),
    ...(bgpFamilies === null ? {} : { bgpFamilies: [...bgpFamilies] }),
    problems: problemLines(problems),
    addresses: ownAddresses.slice(0, REPORT_LIMITS.addresses),
  };
}
