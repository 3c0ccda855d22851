/**
 * The client itself: a process that runs inside a client's network namespace, opens a new connection at a fixed cadence and tells
 * its parent what became of each attempt. Started by Prober, which gives it one JSON argument and listens to its messages.
 */
import { request as requestInClear } from 'node:http';
import { request as requestByTls } from 'node:https';
import { setPriority } from 'node:os';
import { EventLoopLag } from '../../sidecar/checks/event-loop-lag.ts';
import { monotonicMs } from '../support/clock.ts';
import { NeighbourTable } from './neighbours.ts';
import type { ProbeMessage, WorkerOptions } from './probe-protocol.ts';
import { NewcomerVerdicts } from './verdicts.ts';

/** How often attempts are handed to the parent: rarely enough to cost nothing, often enough for a live time line. */
const FLUSH_EVERY_MS = 50;
/** The client is the measuring instrument: it should not wait for what it measures. */
const PRIORITY = -15;
/** Timers come before what waits in the sockets: a client that slept looks once more, however little of the time-out is left. */
const LAST_LOOK_MS = 20;
/** However often it slept: after so many time-outs an attempt has failed. */
const MOST_TIMEOUTS = 5;

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions;
const neighbours = options.forget ? new NeighbourTable({ interfaceName: options.interfaceName }) : undefined;
const inFlight = new Map<string, number>();
/** Of each address; only where neighbours are forgotten. */
const verdicts = new Map(options.addresses.map((address) => [address, new NewcomerVerdicts()]));
const finished: ProbeMessage['attempts'] = [];
const lag = new EventLoopLag({ sampleMillis: 5 }, { clock: { monotonicMs, wallMs: Date.now } });
let missed = 0;
let stopping = false;

/** One connection, one request; the outcome is recorded exactly once. The time-out is one of time that the client itself ran. */
function attempt(address: string): void {
  const startMs = monotonicMs();
  const verdict = options.forget ? verdicts.get(address) : undefined;
  verdict?.began(startMs);
  inFlight.set(address, (inFlight.get(address) ?? 0) + 1);
  let over = false;
  const finish = (ok: boolean, who: string): void => {
    if (!over) {
      over = true;
      clearTimeout(timer);
      inFlight.set(address, (inFlight.get(address) ?? 1) - 1);
      record([address, startMs, monotonicMs(), ok, who], verdict);
    }
  };
  const { port, path, ca } = options;
  const request = ca === undefined ? requestInClear : requestByTls;
  const outgoing = request({ host: address, port, path, ca, agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      body += chunk;
    });
    response.on('end', () => finish(response.statusCode === 200, body.trim() || `status ${response.statusCode}`));
    response.on('error', (error) => finish(false, codeOf(error)));
  });
  outgoing.on('error', (error) => finish(false, codeOf(error)));
  const look = (): void => {
    const nowMs = monotonicMs();
    const sleptMs = lag.stalledDuring(startMs, nowMs);
    const leftMs = options.timeoutMs - (nowMs - startMs - sleptMs);
    if (leftMs > 1 && nowMs - startMs < MOST_TIMEOUTS * options.timeoutMs) {
      timer = setTimeout(look, Math.max(leftMs, LAST_LOOK_MS));
      return;
    }
    finish(false, 'timeout');
    outgoing.destroy();
  };
  let timer = setTimeout(look, options.timeoutMs);
  outgoing.end();
}

function record(attempt: ProbeMessage['attempts'][number], verdict: NewcomerVerdicts | undefined): void {
  if (verdict === undefined) {
    finished.push(attempt);
    return;
  }
  const { judged, notMade } = verdict.ended(attempt);
  finished.push(...judged);
  missed += notMade;
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

async function attemptInTurn(address: string): Promise<void> {
  if (stopping || (inFlight.get(address) ?? 0) >= options.maxInFlight) {
    missed += 1;
    return;
  }
  await neighbours?.forget(address);
  attempt(address);
}

/** Calls `act` at `startMs + k × intervalMs`, whatever earlier calls are doing; slots that passed while the process slept are counted. */
function atCadence(firstMs: number, act: () => void): void {
  let dueMs = firstMs;
  const tick = (): void => {
    if (stopping) {
      return;
    }
    const lateMs = monotonicMs() - dueMs;
    if (lateMs >= 0) {
      const slots = Math.floor(lateMs / options.intervalMs);
      missed += slots;
      dueMs += (slots + 1) * options.intervalMs;
      act();
    }
    setTimeout(tick, Math.max(0, dueMs - monotonicMs()));
  };
  tick();
}

function flush(): void {
  const message: ProbeMessage = { attempts: finished.splice(0), missed };
  process.send?.(message);
}

function stop(): void {
  if (stopping) {
    return;
  }
  stopping = true;
  const startedMs = monotonicMs();
  const settle = (): void => {
    const busy = [...inFlight.values()].some((count) => count > 0);
    if (busy && monotonicMs() - startedMs < options.timeoutMs + 500) {
      setTimeout(settle, 5);
      return;
    }
    finished.push(...[...verdicts.values()].flatMap((verdict) => verdict.rest()));
    process.send?.({ attempts: finished.splice(0), missed } satisfies ProbeMessage, () => process.exit(0));
  };
  settle();
}

function fail(error: unknown): void {
  process.stderr.write(`the client cannot go on: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

setPriority(PRIORITY);
neighbours?.start();
lag.start();
process.on('message', stop);
process.on('disconnect', () => process.exit(0)); // nobody listens any more
// A Ctrl-C reaches the whole foreground group; the parent decides when the client ends.
process.on('SIGINT', () => undefined);
setInterval(flush, FLUSH_EVERY_MS);
const beginMs = monotonicMs();
for (const [index, address] of options.addresses.entries()) {
  const shift = (index * options.intervalMs) / options.addresses.length;
  atCadence(beginMs + shift, () => attemptInTurn(address).catch(fail));
}
