import type { Clock, TimerHandle, Timers } from '../../common/clock.ts';
import { LeaseConflictError, type LeaseRecord, type LeaseStore } from '../kubernetes/lease-store.ts';
import { isOlder } from '../kubernetes/resource-version.ts';

/** Durations as client-go names them. */
export interface ElectionOptions {
  /** By which others know this candidate; the pod's name. */
  readonly identity: string;
  /** Others wait so long after the last renewal that they saw (LeaseDuration). */
  readonly durationSeconds: number;
  /** A leader that could not renew for so long stops acting (RenewDeadline); shorter than `durationSeconds`. */
  readonly renewSeconds: number;
  /** Between two renewals, or two tries (RetryPeriod). */
  readonly retrySeconds: number;
}

/** Time during which this candidate leads. */
export interface Term {
  /** Whether it still leads, by the clock: also true to the moment when timers are late. */
  holds(): boolean;
  /** Aborted when it ends. */
  readonly signal: AbortSignal;
}

/** By up to this part of the pause between tries they are put off, so that candidates do not try together. */
const JITTER = 0.2;

interface ElectionDependencies {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly timers: Timers;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Called when a term begins. */
  readonly onTerm: (term: Term) => void;
  /** Called when the Lease could not be written; the next try follows by itself. */
  readonly onError: (error: unknown) => void;
}

/** What was last seen of the Lease, and when by the own clock: the clocks of candidates are never compared. */
interface Observation {
  readonly record: LeaseRecord | undefined;
  readonly atMs: number;
}

/**
 * Elects one leader among replicas after the algorithm of client-go (k8s.io/client-go/tools/leaderelection): who holds the Lease leads,
 * renews it, and stops acting before the others may take it. Unlike there, candidates do not ask for the Lease again and again: they are
 * told of it (`observe`), so that a released one is taken at once and waiting costs no request. Optimistic concurrency makes a decision
 * from old news harmless.
 */
export class LeaderElector {
  readonly #options: ElectionOptions;
  readonly #dependencies: ElectionDependencies;
  #seen: Observation | undefined;
  #term: { readonly ends: AbortController; deadlineMs: number } | undefined;
  #timer: TimerHandle;
  #deadlineTimer: TimerHandle;
  #writing: Promise<void> | undefined;
  #running = false;

  constructor(options: ElectionOptions, dependencies: ElectionDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Whether this candidate leads now. */
  get leading(): boolean {
    return this.#term !== undefined && this.#dependencies.clock.monotonicMs() < this.#term.deadlineMs;
  }

  /** Who leads, as far as is known; undefined: nobody. */
  get leader(): string | undefined {
    return this.#seen?.record?.holder || undefined;
  }

  /** Begins to stand; the first try follows the first observation. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#proceed();
  }

  /** Ends the term, and gives the Lease back so that another need not wait for its end; may be called twice. */
  async stop(): Promise<void> {
    const wasLeading = this.leading;
    this.#running = false;
    this.#dependencies.timers.clearTimeout(this.#timer);
    this.#endTerm();
    await this.#writing;
    const held = this.#seen?.record;
    if (!wasLeading || held?.holder !== this.#options.identity) return;
    try {
      this.#see(await this.#limited(this.#dependencies.leases.replace(this.#released(held))));
    } catch (error) {
      this.#dependencies.onError(error);
    }
  }

  /** Notes the Lease as a watch delivers it; undefined: there is none. */
  observe(record: LeaseRecord | undefined): void {
    const known = this.#seen?.record;
    if (this.#seen !== undefined && known?.resourceVersion === record?.resourceVersion) return;
    if (isOlder(record?.resourceVersion, known?.resourceVersion)) return;
    this.#see(record);
    if (record !== undefined && record.holder !== this.#options.identity) this.#endTerm();
    if (this.#term === undefined) this.#proceed();
  }

  #see(record: LeaseRecord | undefined, atMs = this.#dependencies.clock.monotonicMs()): void {
    this.#seen = { record, atMs };
  }

  /** Milliseconds for which the Lease is another's. */
  #leaseLeftMs({ record, atMs }: Observation): number {
    if (record === undefined || record.holder === '' || record.holder === this.#options.identity) return 0;
    return Math.max(0, atMs + record.durationSeconds * 1000 - this.#dependencies.clock.monotonicMs());
  }

  /** Tries now, or sets the timer for when a try makes sense. */
  #proceed(): void {
    if (!this.#running || this.#seen === undefined || this.#writing !== undefined) return;
    const waitMs = this.#leaseLeftMs(this.#seen);
    // Candidates that see a lease run out at one moment would otherwise all write in it.
    if (waitMs > 0) this.#after(waitMs + this.#jitterMs());
    else this.#try();
  }

  #jitterMs(): number {
    return this.#dependencies.random() * JITTER * this.#options.retrySeconds * 1000;
  }

  #after(delayMs: number): void {
    this.#dependencies.timers.clearTimeout(this.#timer);
    this.#timer = this.#dependencies.timers.setTimeout(() => this.#proceed(), delayMs);
  }

  #try(): void {
    this.#dependencies.timers.clearTimeout(this.#timer);
    this.#writing = this.#write().then(() => {
      this.#writing = undefined;
      if (!this.#running) return;
      if (this.#term === undefined && this.#seen !== undefined && this.#leaseLeftMs(this.#seen) > 0) this.#proceed();
      else this.#after(this.#options.retrySeconds * 1000 + (this.#term === undefined ? this.#jitterMs() : 0));
    });
  }

  async #write(): Promise<void> {
    const startedMs = this.#dependencies.clock.monotonicMs();
    try {
      const record = await this.#limited(this.#claim());
      this.#see(record, startedMs);
      this.#extendTerm(startedMs);
    } catch (error) {
      if (error instanceof LeaseConflictError) await this.#readAgain();
      else this.#dependencies.onError(error);
    }
  }

  #claim(): Promise<LeaseRecord> {
    const { leases, clock } = this.#dependencies;
    const { identity, durationSeconds } = this.#options;
    const now = new Date(clock.wallMs()).toISOString();
    const held = this.#seen?.record;
    const claim = { holder: identity, durationSeconds, acquireTime: now, renewTime: now, transitions: 0 };
    if (held === undefined) return leases.create(claim);
    const { acquireTime, transitions, resourceVersion, holder } = held;
    if (holder === identity) return leases.replace({ ...claim, acquireTime, transitions, resourceVersion });
    return leases.replace({ ...claim, transitions: transitions + 1, resourceVersion });
  }

  #released(held: LeaseRecord): LeaseRecord {
    const now = new Date(this.#dependencies.clock.wallMs()).toISOString();
    return { ...held, holder: '', durationSeconds: 1, acquireTime: now, renewTime: now };
  }

  async #readAgain(): Promise<void> {
    try {
      const record = await this.#limited(this.#dependencies.leases.read());
      if (record?.resourceVersion !== this.#seen?.record?.resourceVersion) this.#see(record);
      if (record !== undefined && record.holder !== this.#options.identity) this.#endTerm();
    } catch (error) {
      this.#dependencies.onError(error);
    }
  }

  /** A request without an answer must not outlast the term. */
  async #limited<T>(request: Promise<T>): Promise<T> {
    const { timers } = this.#dependencies;
    const seconds = this.#options.renewSeconds;
    let handle: TimerHandle;
    const limit = new Promise<never>((_resolve, reject) => {
      handle = timers.setTimeout(
        () => reject(new Error(`no answer about the lease within ${seconds} s`)),
        seconds * 1000,
      );
    });
    try {
      return await Promise.race([request, limit]);
    } finally {
      timers.clearTimeout(handle);
    }
  }

  #extendTerm(renewedMs: number): void {
    const { clock, timers, onTerm } = this.#dependencies;
    const deadlineMs = renewedMs + this.#options.renewSeconds * 1000;
    if (!this.#running || clock.monotonicMs() >= deadlineMs) return;
    timers.clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = timers.setTimeout(() => this.#endTerm(), deadlineMs - clock.monotonicMs());
    if (this.#term !== undefined) {
      this.#term.deadlineMs = deadlineMs;
      return;
    }
    const term = { ends: new AbortController(), deadlineMs };
    this.#term = term;
    onTerm({
      signal: term.ends.signal,
      holds: () => !term.ends.signal.aborted && clock.monotonicMs() < term.deadlineMs,
    });
  }

  #endTerm(): void {
    this.#dependencies.timers.clearTimeout(this.#deadlineTimer);
    const term = this.#term;
    this.#term = undefined;
    term?.ends.abort();
  }
}
