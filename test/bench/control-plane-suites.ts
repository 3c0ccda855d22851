import type { ClusterFaultName } from '../cluster/fault-names.ts';
import { chooseCases } from './pools-suites.ts';

/** Which way clients take to the API servers. */
export const WAYS = ['this', "k0s's way"] as const;
export type Way = (typeof WAYS)[number];

/** What is promised of a fault. */
interface FaultPromise {
  /** Requests that fail, of those at {@link NEW_PER_SECOND}; the median. */
  readonly failed?: number;
  /** From the fault until every watch that it struck has another server, in ms; the median. */
  readonly watchesBackMs: number;
}

/** Something that happens to a control plane, while clients connect and watch. */
export interface ControlPlaneFault {
  /** How the table calls it; also what `--fault` chooses by. */
  readonly title: string;
  readonly fault: ClusterFaultName;
  /** Whose node is struck: one that does not hold the address, or the one that does. */
  readonly node: 'another' | 'the holder';
  readonly ways: readonly Way[];
  readonly runs: number;
  readonly promised: FaultPromise;
}

/** Something that is done to the API servers in order. */
export interface ControlPlaneChange {
  readonly title: 'rolling restart' | 'server returns' | 'backend added' | 'backend removed';
  readonly runs: number;
  /** Requests that fail; the worst. */
  readonly failed: number;
  /** What is timed, in words, and how long it may take in ms; the median. */
  readonly timed: { readonly what: string; readonly promisedMs?: number };
}

/** What a proxy costs; the figures are compared by their medians. */
export interface ControlPlaneCost {
  readonly title: 'cost';
  /** Rounds, in each of which every way is measured. */
  readonly runs: number;
}

/** All that is measured of a control plane. */
export interface ControlPlaneCases {
  readonly faults: readonly ControlPlaneFault[];
  readonly changes: readonly ControlPlaneChange[];
  readonly costs: readonly ControlPlaneCost[];
}

/** Connections that begin in a second while a server is struck. */
export const NEW_PER_SECOND = 250;
/** The same while servers are changed or started, which takes most of a machine with few cores. */
export const NEW_PER_SECOND_MEANWHILE = 50;
/** Watches that are open then. */
export const WATCHES = 30;
/** A client waits so long for an answer; then it has failed. */
export const LIMIT_MS = 3000;
/** What is seen of a fault: so long after it. */
export const SEEN_MS = 4000;

/** What is promised of the cost. */
export const COST_PROMISES = {
  /** New connections a second, of those to the servers themselves. */
  ofDirect: 0.88,
  /** And of those by k0s's way. */
  ofRelay: 1,
  /** Processor time of HAProxy for each, in ms. */
  processorMs: 0.35,
  /** What it adds to a request of 100 a second, in ms. */
  addedMs: 0.4,
  /** The 99th percentile, of that to the servers themselves. */
  p99OfDirect: 1.2,
  /** Resident, with {@link MEMORY_WATCHES} open. */
  residentMegabytes: 20,
  /** Of the image, besides what a node has for keepalived's. */
  imageMegabytes: 16,
} as const;
export const MEMORY_WATCHES = 1000;

export const CONTROL_PLANE_CASES: ControlPlaneCases = {
  faults: [
    {
      title: 'killed',
      fault: 'apiserver-stop',
      node: 'another',
      ways: WAYS,
      runs: 10,
      promised: { failed: 1, watchesBackMs: 50 },
    },
    {
      title: 'hangs',
      fault: 'apiserver-hang',
      node: 'another',
      ways: WAYS,
      runs: 10,
      promised: { failed: 10, watchesBackMs: 700 },
    },
    {
      title: 'cut off',
      fault: 'link-cut',
      node: 'another',
      ways: WAYS,
      runs: 10,
      promised: { failed: 0, watchesBackMs: 700 },
    },
    {
      title: 'the holder is cut off',
      fault: 'link-cut',
      node: 'the holder',
      ways: ['this'],
      runs: 10,
      promised: { watchesBackMs: 500 },
    },
  ],
  changes: [
    { title: 'backend added', runs: 10, failed: 0, timed: { what: 'until it is in force', promisedMs: 100 } },
    { title: 'backend removed', runs: 10, failed: 0, timed: { what: 'until it is in force', promisedMs: 100 } },
    {
      title: 'server returns',
      runs: 10,
      failed: 0,
      timed: { what: 'until watches are within 10 % of even', promisedMs: 10_000 },
    },
    { title: 'rolling restart', runs: 10, failed: 0, timed: { what: 'longest that a watch was away' } },
  ],
  costs: [{ title: 'cost', runs: 10 }],
};

/** The cases that are asked for. Pure. @throws Error when no case has such a title */
export function chooseControlPlaneCases(
  titles: readonly string[] | undefined,
  runs: number | undefined,
): ControlPlaneCases {
  const chosen = {
    faults: chooseCases(CONTROL_PLANE_CASES.faults, titles, runs),
    changes: chooseCases(CONTROL_PLANE_CASES.changes, titles, runs),
    costs: chooseCases(CONTROL_PLANE_CASES.costs, titles, runs),
  };
  const { faults, changes, costs } = chosen;
  if (faults.length + changes.length + costs.length === 0) {
    const all = [...CONTROL_PLANE_CASES.faults, ...CONTROL_PLANE_CASES.changes, ...CONTROL_PLANE_CASES.costs];
    const known = all.map(({ title }) => title);
    throw new Error(`nothing to measure is called ${titles?.join(' or ')}; there are: ${known.join(', ')}`);
  }
  return chosen;
}
