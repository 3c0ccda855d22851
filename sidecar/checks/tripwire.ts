import { connect as connectSocket, type Socket } from 'node:net';
import { bracketed } from '../../common/addresses.ts';
import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import type { Endpoint } from '../probes/endpoint.ts';
import { holdConnection, type Loss } from './held-connection.ts';
import { LONGEST_QUICK_PAUSE_MS, QUICK_PAUSE_MS, ReconnectionPace } from './reconnection-pace.ts';
import { CERTAIN_REFUSALS } from './types.ts';

interface TripwireOptions extends Endpoint {
  /** How often a port that refuses is tried, and the slowest that any is. */
  readonly intervalSeconds: number;
  /** For making a connection. */
  readonly timeoutSeconds: number;
  /** The port is judged by itself: a confirmed refusal is reported in the state. Otherwise the wire only trips. */
  readonly judged?: boolean;
}

interface TripwireDependencies {
  /** Called the moment something happened to the peer; the place to probe it. The reason is for an operator. */
  readonly onTripped: (reason: string) => void;
  /** Called each time a connection was made, before anything else is told of it. */
  readonly onConnected?: () => void;
  /** Called with the state each time `refused` changed. */
  readonly onChange?: (state: TripwireState) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly connect?: (endpoint: Endpoint) => Socket;
}

/** What a tripwire knows of its port. */
export interface TripwireState {
  readonly port: number;
  /** A connection is held now. */
  readonly connected: boolean;
  /** Two connections in a row were refused, and none has been made since. Always false when the port is not judged by itself. */
  readonly refused: boolean;
  /** Wall clock in milliseconds at which `refused` took its present value; undefined until it first changed. */
  readonly sinceMs: number | undefined;
}

/**
 * Holds a connection to a port, so that the kernel reports at once when the server goes away, instead of the next probe finding out.
 * The loss of the connection is no fault in itself (servers close idle ones, and reload), it is an occasion to probe.
 *
 * To the server the connection is an idle client's. An nginx that reloads keeps the old worker process that has it until its
 * client_header_timeout is over, as it does for the connections that browsers open in advance.
 */
export class Tripwire {
  readonly #options: TripwireOptions;
  readonly #dependencies: TripwireDependencies;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #pace: ReconnectionPace;
  readonly #connectSocket: (endpoint: Endpoint) => Socket;
  #started = false;
  #close: (() => void) | undefined;
  #timer: TimerHandle;
  #state: TripwireState;
  #connectedAtMs = 0;
  /** Refused connections in a row. */
  #refusals = 0;
  /** A loss of the connection that was not reported yet. */
  #loss: string | undefined;

  /**
   * @param options what to watch
   * @param dependencies callbacks; clock, timers, randomness and sockets are the machine's unless given
   */
  constructor(options: TripwireOptions, dependencies: TripwireDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
    this.#pace = new ReconnectionPace(options, { clock: this.#clock, random: dependencies.random ?? Math.random });
    this.#connectSocket = dependencies.connect ?? ((endpoint) => connectSocket({ ...endpoint, keepAlive: false }));
    this.#state = { port: options.port, connected: false, refused: false, sinceMs: undefined };
  }

  /** What is known now. */
  get state(): TripwireState {
    return this.#state;
  }

  /** Connects. Does nothing when already started. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#pace.start();
    this.#refusals = 0;
    this.#connect();
  }

  /** Closes the connection and makes no further one; nothing is called any more. May be called twice. */
  stop(): void {
    this.#started = false;
    this.#timers.clearTimeout(this.#timer);
    this.#close?.();
    this.#close = undefined;
    this.#state = { ...this.#state, connected: false };
  }

  #connect(): void {
    const { host, port, timeoutSeconds } = this.#options;
    this.#close = holdConnection(
      { host, port, timeoutMs: timeoutSeconds * 1000 },
      {
        timers: this.#timers,
        connect: this.#connectSocket,
        onConnected: () => this.#connected(),
        onFailed: (loss) => this.#failed(loss),
        onLost: (loss) => this.#lost(loss),
      },
    );
  }

  #connected(): void {
    this.#connectedAtMs = this.#clock.monotonicMs();
    this.#refusals = 0;
    this.#state = { ...this.#state, connected: true };
    this.#dependencies.onConnected?.();
    this.#setRefused(false);
    this.#reportLoss();
  }

  #lost(loss: Loss): void {
    this.#state = { ...this.#state, connected: false };
    const pauseMs = this.#pace.pauseAfterLoss(this.#connectedAtMs);
    this.#connectAfter(pauseMs);
    this.#loss = loss === 'closed' ? 'closed the held connection' : `broke the held connection (${loss})`;
    // Of a port that is judged by itself the kernel is asked first, when that is soon: a probe's work would only delay the answer.
    if (this.#options.judged !== true || pauseMs > LONGEST_QUICK_PAUSE_MS) this.#reportLoss();
  }

  #failed(loss: Loss): void {
    if (loss !== 'ECONNREFUSED') {
      this.#reportLoss();
      this.#refusals = 0;
      this.#connectAfter(this.#pace.slowPause());
      return;
    }
    this.#refusals += 1;
    this.#connectAfter(this.#refusals < CERTAIN_REFUSALS ? QUICK_PAUSE_MS : this.#pace.slowPause());
    if (this.#refusals !== CERTAIN_REFUSALS) return;
    this.#loss = undefined;
    this.#setRefused(true);
    this.#trip('refuses connections');
  }

  /** Reports a loss that was not reported yet. */
  #reportLoss(): void {
    const loss = this.#loss;
    this.#loss = undefined;
    if (loss !== undefined) this.#trip(loss);
  }

  #setRefused(refused: boolean): void {
    if (this.#options.judged !== true || refused === this.#state.refused) return;
    this.#state = { ...this.#state, refused, sinceMs: this.#clock.wallMs() };
    this.#dependencies.onChange?.(this.#state);
  }

  #trip(what: string): void {
    const { host, port } = this.#options;
    if (this.#started) this.#dependencies.onTripped(`${bracketed(host)}:${port} ${what}`);
  }

  #connectAfter(pauseMs: number): void {
    this.#timer = this.#timers.setTimeout(() => this.#connect(), pauseMs);
  }
}
