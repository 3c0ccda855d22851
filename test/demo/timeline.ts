import type { Attempt } from '../clients/outages.ts';
import { roundMs } from '../support/clock.ts';
import type { HoldingChange } from '../support/holdings.ts';
import type { GateEvent } from './gate-watch.ts';

/** One line of a sidecar's log, as far as a time line needs it. */
export interface LogEntry {
  /** Wall clock, milliseconds since 1970. */
  readonly wallMs: number;
  readonly check: string | undefined;
  readonly healthy: boolean | undefined;
}

/** What happened, in milliseconds after the fault. */
export interface TimelineEntry {
  readonly ms: number;
  readonly event: 'fault' | 'detection' | 'gate written' | 'address gone' | 'new holder' | 'first answer';
  readonly node: string;
  readonly detail: string;
}

/** Everything that was seen around a fault; instants in ms of CLOCK_MONOTONIC. */
export interface Observations {
  readonly fault: string;
  readonly node: string;
  readonly address: string;
  readonly faultMs: number;
  readonly gates: readonly GateEvent[];
  /** Where addresses came and went. */
  readonly changes: readonly HoldingChange[];
  /** The log of the faulty node's sidecar. */
  readonly log: readonly LogEntry[];
  readonly attempts: readonly Attempt[];
  readonly toMonotonicMs: (wallMs: number) => number;
}

/** The entries of a sidecar's log; lines that are not JSON are passed over. Pure. */
export function parseLog(text: string): LogEntry[] {
  return text.split('\n').flatMap((line) => {
    try {
      const { time, check, healthy } = JSON.parse(line) as Record<string, unknown>;
      return {
        wallMs: typeof time === 'number' ? time : Date.parse(String(time)),
        check: typeof check === 'string' ? check : undefined,
        healthy: typeof healthy === 'boolean' ? healthy : undefined,
      };
    } catch {
      return [];
    }
  });
}

/** A log has whole milliseconds: what happened right after the fault may read as right before. */
const LOG_ROUNDING_MS = 1;

type Found = Omit<TimelineEntry, 'ms'> & { readonly atMs: number };

function detection(seen: Observations): Found[] {
  const entry = seen.log.find(
    ({ check, healthy, wallMs }) =>
      check !== undefined && healthy === false && seen.toMonotonicMs(wallMs) >= seen.faultMs - LOG_ROUNDING_MS,
  );
  if (entry === undefined) {
    return [];
  }
  const atMs = Math.max(seen.faultMs, seen.toMonotonicMs(entry.wallMs));
  return [{ atMs, event: 'detection', node: seen.node, detail: `check ${entry.check} failed` }];
}

function gateWritten({ gates, node, faultMs }: Observations): Found[] {
  const event = gates.find((each) => each.atMs >= faultMs && each.node === node && each.value === 0);
  return event === undefined ? [] : [{ atMs: event.atMs, event: 'gate written', node, detail: 'gate 0' }];
}

function addressMoves({ changes, address, node, faultMs }: Observations): Found[] {
  const moves = changes.filter((change) => change.atMs >= faultMs && change.address === address);
  const gone = moves.find((each) => !each.added && each.node === node);
  const come = moves.find((each) => each.added && each.node !== node);
  return [
    ...(gone === undefined ? [] : [found(gone, 'address gone', `${address} removed`)]),
    ...(come === undefined ? [] : [found(come, 'new holder', `${address} added`)]),
  ];
}

function found({ atMs, node }: HoldingChange, event: TimelineEntry['event'], detail: string): Found {
  return { atMs, event, node, detail };
}

function firstAnswer(seen: Observations): Found[] {
  const answers = seen.attempts.filter(({ startMs, ok, who }) => startMs >= seen.faultMs && ok && who !== seen.node);
  const first = answers.toSorted((a, b) => a.endMs - b.endMs)[0];
  return first === undefined
    ? []
    : [{ atMs: first.endMs, event: 'first answer', node: first.who, detail: `${seen.address} answers again` }];
}

/** What happened after a fault, in order; what was not seen is left out. Observations from before the fault don't count. Pure. */
export function buildTimeline(seen: Observations): TimelineEntry[] {
  const fault: Found = { atMs: seen.faultMs, event: 'fault', node: seen.node, detail: seen.fault };
  const entries = [fault, ...detection(seen), ...gateWritten(seen), ...addressMoves(seen), ...firstAnswer(seen)];
  return entries
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, ...entry }) => ({ ms: roundMs(atMs - seen.faultMs), ...entry }));
}
