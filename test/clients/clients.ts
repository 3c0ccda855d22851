import { monotonicMs } from '../support/clock.ts';
import { waitFor } from '../support/wait.ts';
import { findOutages, type Outage } from './outages.ts';
import type { Prober } from './prober.ts';

const SETTLE_LIMIT_MS = 60_000;
/** Service is steady when no attempt has failed for so long. */
const QUIET_MS = 500;
/** The last success before a moment belongs to an outage that begins there. */
const BEFORE_MS = 100;

/** Which outages are meant. */
interface OutageFilter {
  /** Of this address; of all by default. */
  readonly address?: string;
  /** Of attempts that began before this moment. */
  readonly untilMs?: number;
}

/** A client that asks some addresses all the time, and what it saw of them. */
export class Clients {
  readonly #make: () => Prober;
  readonly #addresses: readonly string[];
  readonly #quietMs: number;
  #prober: Prober | undefined;

  /**
   * @param make gives a client of the addresses that does not run yet
   * @param quietMs service is steady when no attempt has failed for so long
   */
  constructor(make: () => Prober, addresses: readonly string[], quietMs = QUIET_MS) {
    this.#make = make;
    this.#addresses = addresses;
    this.#quietMs = quietMs;
  }

  /** Begins, and waits until every address has answered. */
  async start(): Promise<void> {
    const prober = this.#make();
    this.#prober = prober;
    await prober.start();
    const silent = () => this.#addresses.filter((address) => !prober.attempts(address).some(({ ok }) => ok));
    await waitFor(
      'an answer from every address',
      () => silent().length === 0,
      { limitMs: SETTLE_LIMIT_MS, everyMs: 50 },
      () =>
        silent()
          .slice(0, 5)
          .map((address) => `${address}: ${prober.attempts(address).at(-1)?.who}`)
          .join('; '),
    );
  }

  async stop(): Promise<void> {
    await this.#prober?.stop();
  }

  /** Times without service since then. */
  outages(sinceMs: number, { address, untilMs = Number.POSITIVE_INFINITY }: OutageFilter = {}): Outage[] {
    const addresses = address === undefined ? this.#addresses : [address];
    return addresses.flatMap((each) => {
      const attempts = this.#prober?.attempts(each, sinceMs - BEFORE_MS) ?? [];
      return findOutages(attempts.filter(({ startMs }) => startMs < untilMs));
    });
  }

  /** Attempts that the machine was too busy to make: with many of them a figure says little. */
  get missedSlots(): number {
    return this.#prober?.report(Number.POSITIVE_INFINITY).missedSlots ?? 0;
  }

  /** Whether every address has answered without a failure for a while, which began then or later. */
  isQuietSince(sinceMs: number): boolean {
    const nowMs = monotonicMs();
    if (nowMs - sinceMs < this.#quietMs) return false;
    return this.#addresses.every((address) => {
      const attempts = this.#prober?.attempts(address, nowMs - this.#quietMs) ?? [];
      return attempts.length > 0 && attempts.every(({ ok }) => ok);
    });
  }

  /** Waits until every address has answered without a failure for a while; gives the longest outage since then, in ms. */
  async longestOutage(sinceMs: number): Promise<number> {
    const fromMs = monotonicMs();
    await waitFor('steady service', () => this.isQuietSince(fromMs), { limitMs: SETTLE_LIMIT_MS, everyMs: 50 });
    return longestOf(this.outages(sinceMs));
  }
}

/** The longest of some outages in milliseconds; 0 without one. Pure. */
export function longestOf(outages: readonly Outage[]): number {
  return Math.max(0, ...outages.map(({ durationMs }) => durationMs));
}
