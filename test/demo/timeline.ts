import type { Attempt } from '../clients/outages.ts';
import { roundMs } from '../support/clock.ts';
import type { NodeEvent } from './observer.ts';

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
  readonly events: readonly NodeEvent[];
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

function gateWritten(seen: Observations): Found[] {
  const event = seen.events.find((each) => each.kind === 'gate' && each.node === seen.node && each.value === 0);
  return event === undefined ? [] : [{ atMs: event.atMs, event: 'gate written', node: seen.node, detail: 'gate 0' }];
}

function addressMoves(seen: Observations): Found[] {
  const moves = seen.events.filter((event) => event.kind === 'address' && event.address === seen.address);
  const gone = moves.find((event) => event.kind === 'address' && !event.added && event.node === seen.node);
  const come = moves.find((event) => event.kind === 'address' && event.added && event.node !== seen.node);
  return [
    ...(gone === undefined ? [] : [found(gone, 'address gone', `${seen.address} removed`)]),
    ...(come === undefined ? [] : [found(come, 'new holder', `${seen.address} added`)]),
  ];
}

function found(event: NodeEvent, name: TimelineEntry['event'], detail: string): Found {
  return { atMs: event.atMs, event: name, node: event.node, detail };
}

function firstAnswer(seen: Observations): Found[] {
  const answers = seen.attempts.filter((attempt) => attempt.ok && attempt.who !== seen.node);
  const first = answers.toSorted((a, b) => a.endMs - b.endMs)[0];
  return first === undefined
    ? []
    : [{ atMs: first.endMs, event: 'first answer', node: first.who, detail: `${seen.address} answers again` }];
}

/** What happened after a fault, in order; what was not seen is left out. Observations from before the fault don't count. Pure. */
export function buildTimeline(all: Observations): TimelineEntry[] {
  const seen: Observations = {
    ...all,
    events: all.events.filter((event) => event.atMs >= all.faultMs),
    attempts: all.attempts.filter((attempt) => attempt.startMs >= all.faultMs),
  };
  const fault: Found = { atMs: seen.faultMs, event: 'fault', node: seen.node, detail: seen.fault };
  const entries = [fault, ...detection(seen), ...gateWritten(seen), ...addressMoves(seen), ...firstAnswer(seen)];
  return entries
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, ...entry }) => ({ ms: roundMs(atMs - seen.faultMs), ...entry }));
}
