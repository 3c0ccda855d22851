import type { Outage } from '../clients/outages.ts';
import type { HolderSpan } from '../support/holdings.ts';
import { during, longestWhere } from './holders.ts';

/** What is promised of every address while nodes and the control plane fail at random. In milliseconds. */
export const LIMITS = {
  /** Two nodes that can reach each other may have an address for so long: what VRRP needs to agree. */
  twoHoldersMs: 1000,
  /** No node has it: longer than any hand-over, also of a node that is silent all at once. */
  noHolderMs: 3000,
  /** From the repair to exactly one holder, and to the clients' first answer. */
  settleMs: 3000,
} as const;

/** A round as it was for one address. */
export interface AddressRound {
  readonly address: string;
  readonly spans: readonly HolderSpan[];
  readonly outages: readonly Outage[];
}

/** When a round began, when everything was repaired, and when the next one began; in milliseconds of CLOCK_MONOTONIC. */
export interface RoundTimes {
  readonly beganMs: number;
  readonly healedMs: number;
  readonly endedMs: number;
}

/** What a round came to, of all addresses the worst. In milliseconds. */
export interface RoundFigures {
  /** Longest time without an answer for a client. */
  readonly outageMs: number;
  /** From the repair until every address had exactly one holder. */
  readonly settledMs: number;
  /** Longest time with two holders that could reach each other. */
  readonly twoHoldersMs: number;
  /** Longest time without a holder that could be reached. */
  readonly noHolderMs: number;
}

function settledAfter(spans: readonly HolderSpan[], healedMs: number, endedMs: number): number {
  const first = during(spans, healedMs, endedMs).find(({ nodes }) => nodes.length === 1);
  return (first?.fromMs ?? endedMs) - healedMs;
}

/** The last moment at which the address was without service because of an outage that began before the repair, counted from the repair. */
function servedAfter(outages: readonly Outage[], healedMs: number): number {
  const over = outages.filter(({ fromMs }) => fromMs < healedMs).map(({ toMs }) => toMs - healedMs);
  return Math.max(0, ...over);
}

/** Pure. */
export function figuresOf(rounds: readonly AddressRound[], { healedMs, endedMs }: RoundTimes): RoundFigures {
  const worst = (of: (round: AddressRound) => number): number => Math.max(0, ...rounds.map(of));
  return {
    outageMs: worst(({ outages }) => Math.max(0, ...outages.map(({ durationMs }) => durationMs))),
    settledMs: worst(({ spans }) => settledAfter(spans, healedMs, endedMs)),
    twoHoldersMs: worst(({ spans }) => longestWhere(spans, ({ nodes }) => nodes.length > 1)),
    noHolderMs: worst(({ spans }) => longestWhere(spans, ({ nodes }) => nodes.length === 0)),
  };
}

/** Promises that were not kept, in words; [] when all were. Pure. */
export function violationsOf(round: AddressRound, times: RoundTimes): string[] {
  const { address, outages } = round;
  const { settledMs, twoHoldersMs, noHolderMs } = figuresOf([round], times);
  const servedMs = servedAfter(outages, times.healedMs);
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const checks: [number, number, string][] = [
    [twoHoldersMs, LIMITS.twoHoldersMs, 'was on two nodes for'],
    [noHolderMs, LIMITS.noHolderMs, 'was on no node for'],
    [settledMs, LIMITS.settleMs, 'had not exactly one holder after the repair for'],
    [servedMs, LIMITS.settleMs, 'was not served after the repair for'],
  ];
  return checks
    .filter(([ms, limitMs]) => ms > limitMs)
    .map(([ms, limitMs, what]) => `${address} ${what} ${seconds(ms)}, promised ${seconds(limitMs)}`);
}
