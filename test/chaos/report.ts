import { onCluster, writtenBy } from '../bench/conditions.ts';
import { markdownTable, ms, verdict } from '../bench/markdown.ts';
import { LIMITS } from './judge.ts';
import type { RoundResult } from './run.ts';
import type { Round, Strike } from './schedule.ts';

/** Under which conditions chaos was made. */
export interface ChaosConditions {
  readonly date: string;
  readonly kubernetes: string;
  readonly seed: number;
  readonly seconds: number;
  /** Whether Services came and went. */
  readonly services?: boolean;
}

/** What is told where Services came and went. */
const OF_SERVICES = `Up to six Services have addresses of a pool of their own, whose ranges are widened and narrowed. In every round one to three
of them are made, deleted, made anew or change their type, right before the faults. Promised of them besides: a Service that lives is never renumbered, one that
comes back gets its address back, no two have one, and their addresses are on nodes as others are.`;

function kindOf(strike: Strike): string {
  if ('fault' in strike) return strike.fault;
  if ('service' in strike) return `Service: ${strike.service}`;
  return 'pool' in strike ? `pool of Services: ${strike.pool}` : 'edit';
}

function kindsOf({ strikes }: Round): string[] {
  return [...new Set(strikes.map(kindOf))];
}

function row(kind: string, results: readonly RoundResult[]): string[] {
  const worst = (of: (result: RoundResult) => number): string => ms(Math.max(...results.map(of)));
  return [
    kind,
    String(results.length),
    worst(({ outageMs }) => outageMs),
    worst(({ noHolderMs }) => noHolderMs),
    worst(({ twoHoldersMs }) => twoHoldersMs),
    worst(({ settledMs }) => settledMs),
    worst(({ evenMs }) => evenMs / 1000),
  ];
}

/** The rounds as a Markdown table, by what happened in them. Pure. */
export function chaosTable(results: readonly RoundResult[]): string {
  const kinds = [...new Set(results.flatMap(({ round }) => kindsOf(round)))].toSorted();
  const head =
    'rounds with | number | longest outage for a client (ms) | no holder (ms) | two holders (ms) | one holder after the repair (ms) | all nodes have their share again (s)';
  const rows = kinds.map((kind) =>
    row(
      kind,
      results.filter(({ round }) => kindsOf(round).includes(kind)),
    ),
  );
  return markdownTable(head, [...rows, ...(results.length === 0 ? [] : [row('all', results)])]);
}

/** Promises that were not kept, with the round in which. Pure. */
export function violationsIn(results: readonly RoundResult[]): string[] {
  return results.flatMap(({ round, violations, stallMs }) => {
    const stall = stallMs === 0 ? '' : ` (the machine gave a core no time for ${ms(stallMs)} ms)`;
    return violations.map((violation) => `round ${round.number}: ${violation}${stall}`);
  });
}

/** The part of `docs/performance.md` on chaos. Pure. */
export function chaosPart(results: readonly RoundResult[], conditions: ChaosConditions): string {
  const { date, seed, seconds, services } = conditions;
  const violations = violationsIn(results);
  return `## Chaos

${writtenBy(`chaos -- --seed ${seed} --seconds ${seconds}${services === true ? ' --services' : ''}`, date)}. ${onCluster(conditions)} A pool
of six addresses with \`failback: {delaySeconds: 2}\` that clients ask all the time, and up to four more that edits add and remove. A round is one to three faults at about the same time, and often an edit before them;
after 2 to 36 s everything is repaired. What happens to which node, and when in its round, follows from the seed; a round begins when the one before it has ended well.${services === true ? `\n${OF_SERVICES}` : ''}

${chaosTable(results)}

Of all addresses and rounds the worst. A node that is cut off or frozen does not count as holder until the repair. Promised: two holders for at most ${LIMITS.twoHoldersMs} ms, no holder for at most ${LIMITS.noHolderMs} ms, one holder and
an answer for clients within ${LIMITS.settleMs} ms after the repair; no address is lost, and none is left where it does not belong.

${verdict(violations, `Every promise was kept in ${results.length} rounds.`)}
`;
}
