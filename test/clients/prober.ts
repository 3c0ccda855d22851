import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { INTERFACE, inNetns } from '../support/netns.ts';
import { Program } from '../support/program.ts';
import { REAL_TIME_PRIORITY } from '../support/real-time.ts';
import { type Attempt, type AttemptSummary, summarize } from './outages.ts';
import type { ProbeMessage, WorkerOptions } from './probe-protocol.ts';

/**
 * `regular` keeps the neighbour entry that the kernel has, as a client does that has talked to the address before;
 * `newcomer` forgets it before every attempt and so sees what a client sees that comes for the first time.
 */
export const CLIENT_KINDS = ['regular', 'newcomer'] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

export interface ProberOptions {
  readonly kind: ClientKind;
  /**
   * The namespace in which the client lives; the two kinds need different ones, they must not share a neighbour table. Without one
   * it is this machine that asks.
   */
  readonly netns?: string;
  /** Addresses without prefix length, IPv4 or IPv6. */
  readonly addresses: readonly string[];
  readonly port?: number;
  /** By default `/`. */
  readonly path?: string;
  /** The authority that must have signed the server's certificate, as PEM; without one the requests are not encrypted. */
  readonly ca?: string;
  /** Time from the start of one attempt to that of the next; by default 5 ms, for a newcomer 20 ms. */
  readonly intervalMs?: number;
  /** An attempt without a complete answer by then has failed. Below the kernel's first SYN repetition (1 s): a lost SYN is a failure. */
  readonly timeoutMs?: number;
  /**
   * Gives the client real-time priority, below keepalived's: it then measures as one on a machine of its own does, which no program that
   * starts on a node makes wait. By default it shares the processors with the nodes.
   */
  readonly realTime?: boolean;
}

/** What a client saw, in JSON form. */
export interface ProbeReport {
  readonly kind: ClientKind;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Attempts that the machine was too busy to make; more than a few and the report says little. */
  readonly missedSlots: number;
  readonly addresses: readonly ({ readonly address: string } & AttemptSummary)[];
}

const DEFAULT_INTERVAL_MS: Readonly<Record<ClientKind, number>> = { regular: 5, newcomer: 20 };
const DEFAULT_TIMEOUT_MS = 200;
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;
const WORKER = join(import.meta.dirname, 'probe-worker.ts');

/** A client that opens new connections all the time and remembers what became of each. */
export class Prober {
  readonly #options: Required<Omit<ProberOptions, 'netns' | 'ca'>> & Pick<ProberOptions, 'netns' | 'ca'>;
  readonly #attempts = new Map<string, Attempt[]>();
  #worker: ChildProcess | undefined;
  #missed = 0;

  constructor(options: ProberOptions) {
    this.#options = {
      port: 80,
      path: '/',
      intervalMs: DEFAULT_INTERVAL_MS[options.kind],
      timeoutMs: DEFAULT_TIMEOUT_MS,
      realTime: false,
      ...options,
    };
  }

  /** Begins; returns when the first attempts have ended, well or not. @throws Error when the client cannot run. */
  async start(): Promise<void> {
    if (this.#worker !== undefined) {
      return;
    }
    const { netns, kind, addresses, port, path, ca, intervalMs, timeoutMs, realTime } = this.#options;
    const workerOptions: WorkerOptions = {
      addresses,
      port,
      path,
      ...(ca === undefined ? {} : { ca }),
      interfaceName: INTERFACE,
      intervalMs,
      timeoutMs,
      maxInFlight: 2 * Math.ceil(timeoutMs / intervalMs),
      forget: kind === 'newcomer',
    };
    const client = [process.execPath, WORKER, JSON.stringify(workerOptions)] as const;
    const command = realTime ? (['chrt', '--rr', String(REAL_TIME_PRIORITY), ...client] as const) : client;
    const [program, ...args] = netns === undefined ? command : inNetns(netns, command);
    const worker = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#worker = worker;
    worker.on('message', (message) => this.#take(message as ProbeMessage));
    const begun = () => addresses.every((address) => this.#attempts.has(address));
    await new Program('the client', worker).until('its first attempt', begun, { limitMs: START_LIMIT_MS });
  }

  /** Ends the attempts; those under way are waited for. May be called twice. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) {
      return;
    }
    const gone = once(worker, 'close');
    worker.send('stop');
    await Promise.race([gone, delay(STOP_LIMIT_MS, undefined, { ref: false })]);
    worker.kill('SIGKILL');
  }

  /** The attempts at one address that have ended so far and started at `sinceMs` (CLOCK_MONOTONIC) or later. */
  attempts(address: string, sinceMs = 0): Attempt[] {
    const known = this.#attempts.get(address) ?? [];
    // They came in the order of their ends: what ended before `sinceMs` is a first part, which a long run need not look through.
    const first = known.findLastIndex((attempt) => attempt.endMs < sinceMs) + 1;
    return known.slice(first).filter((attempt) => attempt.startMs >= sinceMs);
  }

  /** What has been seen since `sinceMs` (CLOCK_MONOTONIC), by default since the start. */
  report(sinceMs = 0): ProbeReport {
    const { kind, intervalMs, timeoutMs, addresses } = this.#options;
    return {
      kind,
      intervalMs,
      timeoutMs,
      missedSlots: this.#missed,
      addresses: addresses.map((address) => ({ address, ...summarize(this.attempts(address, sinceMs)) })),
    };
  }

  #take(message: ProbeMessage): void {
    this.#missed = message.missed;
    for (const [address, startMs, endMs, ok, who] of message.attempts) {
      const known = this.#attempts.get(address) ?? [];
      known.push({ startMs, endMs, ok, who });
      this.#attempts.set(address, known);
    }
  }
}
