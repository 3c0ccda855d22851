import { connect as connectSocket, type Socket } from 'node:net';
import { bracketed } from '../../common/addresses.ts';
import { type Clock, systemClock, systemTimers, type TimerHandle, type Timers } from '../../common/clock.ts';
import { holdConnection, type Loss, type Peer } from './held-connection.ts';

interface TripwireOptions extends Peer {
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
  /** Hears the state each time `refused` changed. */
  readonly onChange?: (state: TripwireState) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly connect?: (peer: Peer) => Socket;
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
 * Reconnections that need not wait. A killed server ends several connections before its port refuses: its workers die one after the
 * other, and while the last process lives a new connection is still taken into the backlog, to be reset with it.
 */
const QUICK_RECONNECTIONS = 5;

/** Pause before a refused connection is tried again, and before the first quick reconnection; each further one takes twice as long. */
const QUICK_PAUSE_MS = 1;

const LONGEST_QUICK_PAUSE_MS = QUICK_PAUSE_MS * 2 ** (QUICK_RECONNECTIONS - 1);

/** A connection that was held at least this long costs no quick reconnection: to reconnect twice a second hammers nobody. */
const STEADY_MS = 500;

/**
 * Holds a connection to a port, so that the kernel tells at once when the server goes away instead of the next probe finding out.
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
  readonly #random: () => number;
  readonly #connectSocket: (peer: Peer) => Socket;
  #started = false;
  #letGo: (() => void) | undefined;
  #timer: TimerHandle;
  #state: TripwireState;
  #connectedAtMs = 0;
  /** Refused connections in a row. */
  #refusals = 0;
  /** A loss of the connection of which nobody was told yet. */
  #loss: string | undefined;
  #quick = QUICK_RECONNECTIONS;
  #refilledAtMs = 0;

  /**
   * @param options what to watch
   * @param dependencies who hears of it; clock, timers, randomness and sockets are the machine's unless given
   */
  constructor(options: TripwireOptions, dependencies: TripwireDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
    this.#timers = dependencies.timers ?? systemTimers;
    this.#random = dependencies.random ?? Math.random;
    this.#connectSocket = dependencies.connect ?? ((peer) => connectSocket({ ...peer, keepAlive: false }));
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
    this.#quick = QUICK_RECONNECTIONS;
    this.#refilledAtMs = this.#clock.monotonicMs();
    this.#refusals = 0;
    this.#connect();
  }

  /** Lets the connection go and makes no further one; nothing is called any more. May be called twice. */
  stop(): void {
    this.#started = false;
    this.#timers.clearTimeout(this.#timer);
    this.#letGo?.();
    this.#letGo = undefined;
    this.#state = { ...this.#state, connected: false };
  }

  #connect(): void {
    const { host, port, timeoutSeconds } = this.#options;
    this.#letGo = holdConnection(
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
    this.#setRefused(false);
    this.#tellLoss();
  }

  #lost(loss: Loss): void {
    this.#state = { ...this.#state, connected: false };
    const pauseMs = this.#reconnectionPauseMs();
    this.#connectAfter(pauseMs);
    this.#loss = loss === 'closed' ? 'closed the held connection' : `broke the held connection (${loss})`;
    // Of a port that is judged by itself the kernel is asked first, when that is soon: a probe's work would only delay the answer.
    if (this.#options.judged !== true || pauseMs > LONGEST_QUICK_PAUSE_MS) this.#tellLoss();
  }

  #failed(loss: Loss): void {
    if (loss !== 'ECONNREFUSED') {
      this.#tellLoss();
      this.#refusals = 0;
      this.#connectAfter(this.#slowPauseMs());
      return;
    }
    this.#refusals += 1;
    this.#connectAfter(this.#refusals === 1 ? QUICK_PAUSE_MS : this.#slowPauseMs());
    if (this.#refusals !== 2) return;
    this.#loss = undefined;
    this.#setRefused(true);
    this.#trip('refuses connections');
  }

  /** Tells of a loss that was not told yet. */
  #tellLoss(): void {
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

  /** A token bucket: some quick reconnections, one more for each interval that passes, slow ones when there is none. */
  #reconnectionPauseMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const gained = (nowMs - this.#refilledAtMs) / (this.#options.intervalSeconds * 1000);
    this.#quick = Math.min(QUICK_RECONNECTIONS, this.#quick + gained);
    this.#refilledAtMs = nowMs;
    if (nowMs - this.#connectedAtMs >= STEADY_MS) return 0;
    if (this.#quick < 1) return this.#slowPauseMs();
    const pauseMs = QUICK_PAUSE_MS * 2 ** (QUICK_RECONNECTIONS - Math.floor(this.#quick));
    this.#quick -= 1;
    return pauseMs;
  }

  /** An interval, or up to a quarter less, so that the wires of many nodes don't come together. */
  #slowPauseMs(): number {
    return this.#options.intervalSeconds * 1000 * (1 - 0.25 * this.#random());
  }
}
