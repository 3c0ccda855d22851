import type { ClusterFaultName } from '../cluster/fault-names.ts';

/** A fault on one of three nodes that hold six addresses. */
export interface PoolFaultCase {
  /** How the table calls it; also what `--fault` chooses by. */
  readonly title: ClusterFaultName;
  readonly runs: number;
  /** Longest outage of any of the addresses, in milliseconds. */
  readonly budgetMs?: number;
}

/** One figure of a run, in milliseconds. */
export interface PoolFigure {
  readonly title: string;
  readonly budgetMs: number;
}

/** Something that is done to pools, and what it takes. */
export interface PoolTimingCase {
  /** What `--fault` chooses by. */
  readonly title: 'edit' | 'many' | 'upgrade';
  readonly runs: number;
  /** A run gives one value for each, in this order. */
  readonly figures: readonly PoolFigure[];
}

/** What is measured of pools on a real cluster. */
export interface PoolCases {
  readonly faults: readonly PoolFaultCase[];
  readonly timings: readonly PoolTimingCase[];
}

/** How often the addresses of the node that is struck are asked besides: what is promised of some faults is no more than one attempt otherwise. */
export const CLOSE_INTERVAL_MS = 5;

/** Six addresses on three nodes, as they must be while all nodes serve, and while one does not. */
export const SHARES = { whole: [2, 2, 2], without: [3, 3] } as const;

export const POOL_CASES: PoolCases = {
  faults: [
    { title: 'link-cut', runs: 10, budgetMs: 400 },
    { title: 'node-crash', runs: 10 },
    { title: 'ingress-crash', runs: 10, budgetMs: 100 },
    { title: 'drain', runs: 10, budgetMs: 20 },
    { title: 'cordon', runs: 10, budgetMs: 20 },
  ],
  timings: [
    {
      title: 'edit',
      runs: 10,
      figures: [
        { title: '`kubectl patch` adds an address → its first answer', budgetMs: 3000 },
        { title: 'an address added and removed: longest outage of the six others', budgetMs: 0 },
      ],
    },
    {
      title: 'many',
      runs: 5,
      figures: [
        { title: '`kubectl apply` of 200 addresses → each held by one node', budgetMs: 15_000 },
        { title: 'one node cut off → every address of its share on another node', budgetMs: 1000 },
      ],
    },
    {
      title: 'upgrade',
      runs: 3,
      figures: [
        { title: '`helm upgrade` from the single address to pools besides: its longest outage', budgetMs: 100 },
        { title: '`helm upgrade` back to the single address alone: its longest outage', budgetMs: 100 },
      ],
    },
  ],
};

/**
 * Those of some cases that are asked for. Pure.
 * @param titles only these; all by default
 * @param runs this many runs of each instead of the usual number
 */
export function chooseCases<T extends { readonly title: string; readonly runs: number }>(
  cases: readonly T[],
  titles: readonly string[] | undefined,
  runs: number | undefined,
): T[] {
  return cases
    .filter(({ title }) => titles === undefined || titles.includes(title))
    .map((each) => ({ ...each, runs: runs ?? each.runs }));
}

/** The cases of pools that are asked for. Pure. @throws Error when no case has such a title */
export function choosePoolCases(titles: readonly string[] | undefined, runs: number | undefined): PoolCases {
  const chosen = {
    faults: chooseCases(POOL_CASES.faults, titles, runs),
    timings: chooseCases(POOL_CASES.timings, titles, runs),
  };
  if (chosen.faults.length + chosen.timings.length === 0) {
    const known = [...POOL_CASES.faults, ...POOL_CASES.timings].map(({ title }) => title);
    throw new Error(`nothing to measure is called ${titles?.join(' or ')}; there are: ${known.join(', ')}`);
  }
  return chosen;
}
